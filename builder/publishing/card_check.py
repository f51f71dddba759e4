"""Whether the card's `configs` say of each split which files it has, as `datasets` itself reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import PublishError
from ...store.layout import CARD_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .contents import Contents

__all__ = ["check_card", "expected_tables"]

_NO_LICENCE = "to-be-chosen"


def check_card(contents: Contents) -> tuple[str, ...]:
    """Hold the card against the files. Needs no network.

    Returns:
        warnings.

    Raises:
        PublishError: there is no card, or `datasets` would not load every split with it.
    """
    path = contents.root / CARD_NAME
    if not path.is_file():
        msg = f"there is no {CARD_NAME} in {contents.root}; the Hub needs one whose `configs` name the Parquet files"
        raise PublishError(msg)
    header, configs = _header(path)
    for config, splits in expected_tables(contents).items():
        name = config or configs.get_default_config_name() or next(iter(configs), "")
        if name not in configs:
            known = ", ".join(configs) or "none"
            msg = f"{path} has no configuration {name or 'default'!r} (its `configs` are: {known}); {_advice(contents)}"
            raise PublishError(msg)
        found = _files_of(path.parent, configs[name])
        if differing := [split for split in sorted({*found, *splits}) if found.get(split) != splits.get(split)]:
            split = differing[0]
            msg = (
                f"{path}: configuration {name!r} gives the split {split!r} the files {_shown(found.get(split))}, "
                f"but the data set has {_shown(splits.get(split))}; {_advice(contents)}"
            )
            raise PublishError(msg)
    if header.get("license_name") == _NO_LICENCE:
        return (f"{CARD_NAME} says that no licence has been chosen; edit it before people use the data set",)
    return ()


def expected_tables(contents: Contents) -> dict[str, dict[str, list[str]]]:
    """Configuration (``""`` for the only one) → split with rows → its Parquet files."""
    return {
        folder: {
            split: [f"{folder}/{file}" if folder else file for file in manifest.metadata_files(split)]
            for split in manifest.split_names
            if manifest.splits[split].samples
        }
        for folder, manifest in contents.stores.items()
    }


def _header(path: Path) -> tuple[dict[str, Any], Any]:
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    try:
        data = DatasetCard.load(path).data
        return data.to_dict(), MetadataConfigs.from_dataset_card_data(data)
    # of yaml, of datasets and of huggingface_hub
    except Exception as error:
        msg = f"the header of {path} cannot be read: {' '.join(str(error).split())[:500]}; correct it"
        raise PublishError(msg) from error


def _files_of(root: Path, config: Mapping[str, Any]) -> dict[str, list[str]]:
    from datasets.data_files import DataFilesDict, sanitize_patterns

    base = (root / config.get("data_dir", "")).resolve()
    try:
        found = DataFilesDict.from_patterns(sanitize_patterns(config.get("data_files", [])), base_path=str(base))
    # a pattern that matches nothing
    except (FileNotFoundError, ValueError) as error:
        msg = f"{root / CARD_NAME}: {' '.join(str(error).split())[:500]}; correct its `configs`"
        raise PublishError(msg) from error
    home = root.resolve()
    return {
        str(split): sorted(Path(file).resolve().relative_to(home).as_posix() for file in files)
        for split, files in found.items()
    }


def _advice(contents: Contents) -> str:
    """The header that would be right."""
    lines = ["its header should have", "configs:"]
    for config, splits in expected_tables(contents).items():
        lines += [f"- config_name: {config or 'default'}", "  data_files:"]
        prefix = f"{config}/" if config else ""
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {prefix}metadata/{split}-*.parquet"]
    return "\n".join(lines)


def _shown(files: list[str] | None) -> str:
    if not files:
        return "none"
    return ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
