"""Points this process at a loopback Hub: both libraries read the environment when they are imported, which is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .users import WRITER

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from .hub import LoopbackHub

__all__ = ["point_at"]


def point_at(hub: LoopbackHub, home: Path, monkeypatch: pytest.MonkeyPatch, *, token: str | None = WRITER) -> None:
    """Until the end of the test. Processes that are started or forked inherit it.

    Args:
        hub: that runs.
        home: for the caches.
        monkeypatch: of the test.
        token: `HF_TOKEN`; None for nobody in particular.
    """
    import datasets
    import huggingface_hub
    from datasets import config
    from huggingface_hub import constants

    monkeypatch.delenv("HF_TOKEN", raising=False)
    for name, value in hub.settings(home, token=token).items():
        monkeypatch.setenv(name, value)
    for name, setting in {
        "ENDPOINT": hub.endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_OFFLINE": False,
        "HF_HOME": str(home),
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
    }.items():
        monkeypatch.setattr(constants, name, setting)
    for name, setting in {
        "HF_ENDPOINT": hub.endpoint,
        "HUB_DATASETS_URL": hub.endpoint + "/datasets/{repo_id}/resolve/{revision}/{path}",
        "HF_HUB_OFFLINE": False,
        "HF_DATASETS_OFFLINE": False,
        "HF_CACHE_HOME": str(home),
        "HF_DATASETS_CACHE": home / "datasets",
        "DOWNLOADED_DATASETS_PATH": home / "datasets" / "downloads",
        "EXTRACTED_DATASETS_PATH": home / "datasets" / "downloads" / "extracted",
        "HF_UPDATE_DOWNLOAD_COUNTS": False,
    }.items():
        monkeypatch.setattr(config, name, setting)
    datasets.disable_progress_bars()
    # looks up no repository that another Hub had under the same name
    huggingface_hub.HfFileSystem.clear_instance_cache()
    monkeypatch.setattr("voxpress.store.sources.hub._TOKEN_S", 0.0)
