"""The two servers of the loopback Hub."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from web_server import Answer, Call, WebServer

from . import api
from .repository import Refused, Repository
from .storage import Storage
from .troubles import RateLimit, Trouble, with_troubles
from .users import WRITER, Users

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["LoopbackHub"]


class LoopbackHub(WebServer):
    """A Hub that knows data sets, and keeps them in a folder.

    Args:
        folder: for the state; one that another Hub has left is taken up.

    Attributes:
        storage: where large files lie; a server of its own with a log of its own.
        users: and their tokens.
        ranges: False for a Hub that knows no ranges; `storage.ranges` likewise.
        page: most entries of a listing at a time (a twentieth of it with ``expand``), as on the Hub.
        limit: of requests, or None.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.storage = Storage(folder)
        self.users = Users()
        self.ranges = True
        self.page = 1000
        self.limit: RateLimit | None = None
        self.troubles: list[Trouble] = []
        self._repositories: dict[str, Repository] = {}
        self._counting = threading.Lock()
        self._running = ExitStack()

    def __enter__(self) -> Self:
        super().__enter__()
        self._running.enter_context(self.storage)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        super().__exit__()

    @property
    def endpoint(self) -> str:
        """What `HF_ENDPOINT` has to be."""
        return self.url.rstrip("/")

    # --- what it has

    def repository(self, name: str) -> Repository:
        """A data set, which may not exist."""
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name) or ".." in name:
            raise Refused(400, "BadRequest", f"no name: {name}")
        with self._counting:
            return self._repositories.setdefault(name, Repository(self.folder / name))

    def create(self, name: str, *, private: bool = False, gated: bool = False) -> Repository:
        """Make a data set without asking anybody."""
        return Repository.create(self.repository(name).folder, private=private, gated=gated)

    def delete(self, repository: Repository) -> None:
        shutil.rmtree(repository.folder)

    def add_folder(self, name: str, folder: Path, *, tag: str | None = None, **settings: bool) -> str:
        """Commit the files of a folder to the main branch without HTTP, in place of all that is there.

        Args:
            name: of the data set, which is made if there is none.
            folder: to copy.
            tag: for the commit.
            settings: ``private``, ``gated``.

        Returns:
            the commit.
        """
        repository = self.repository(name)
        if not repository.exists:
            self.create(name)
        repository.set(**settings)
        files = {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            files[path.relative_to(folder).as_posix()] = repository.add(path.name, path.read_bytes())
        made = repository.commit("main", files, title="a folder", parent=repository.read("main").sha)
        if tag:
            repository.set_ref("tags", tag, made.sha)
        return made.sha

    # --- what goes wrong

    def fail(self, method: str = "", path: str = "", **trouble: Any) -> Trouble:
        """Let some requests to the Hub fail; see `Trouble`. For its storage append to `storage.troubles`."""
        made = Trouble(method=method, path=path, **trouble)
        self.troubles.append(made)
        return made

    def respond(self, call: Call) -> Answer:
        return with_troubles(self.troubles, call, self._answer)

    def _answer(self, call: Call) -> Answer:
        if self.limit and (refusal := self.limit.refusal()):
            return refusal
        try:
            return api.answer(self, call)
        except Refused as refused:
            headers = {"X-Error-Message": str(refused), **refused.headers}
            if refused.code:
                headers["X-Error-Code"] = refused.code
            return Answer(refused.status, headers, f'{{"error": "{refused.code}"}}'.encode())

    # --- for its clients

    def environment(self, home: Path, *, token: str | None = WRITER, **more: str) -> dict[str, str]:
        """Environment of a process that uses this Hub.

        Args:
            home: `HF_HOME`, which holds its caches.
            token: `HF_TOKEN`; None for nobody in particular.
            more: to be set besides.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        return inherited | self.settings(home, token=token) | more

    def settings(self, home: Path, *, token: str | None = WRITER) -> dict[str, str]:
        """What a process needs in its environment, before it imports `huggingface_hub` or `datasets`."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_OFFLINE": "0",
            # otherwise a request to a counter elsewhere
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            **({"HF_TOKEN": token} if token else {}),
        }

    def run(
        self, program: str, *arguments: object, home: Path, timeout_s: float = 120, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run Python text in a process that uses this Hub.

        Args:
            program: text; an `if True:` at its start lets it be indented.
            arguments: `sys.argv[1:]`.
            home: its caches.
            timeout_s: until it is killed.
            options: of `environment`.
        """
        return subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            env=self.environment(home, **options),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
