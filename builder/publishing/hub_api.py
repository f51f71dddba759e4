"""A data set repository on the Hub, as publishing needs it: every request is tried again, every refusal explained."""

from __future__ import annotations

import io
import random
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

from ...errors import PublishError, RemoteError
from ...store import MANIFEST_NAME, Manifest
from ...store.sources import Limits
from ...store.sources.backoff import Failure, retry_after_s
from ...store.sources.client import status_text
from ...store.sources.gate import HostGate
from ...store.sources.hub import hub_endpoint, hub_token
from ...store.sources.trying import keep_trying
from .hub_plan import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from huggingface_hub import CommitOperationAdd

    from .contents import PublishedFile
    from .hub_plan import CommitPlan

__all__ = ["HubRepository", "MovedError", "References"]

_TRANSIENT: Final = {408, 425, 429, 500, 502, 503, 504}
_UPLOADS: Final = 5
"""Files at a time: the default of huggingface_hub."""

Result = TypeVar("Result")


class MovedError(Exception):
    """A branch is no longer at the commit that a change was planned for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Branches and tags → commits."""

    branches: Mapping[str, str]
    tags: Mapping[str, str]


class HubRepository:
    """One repository.

    Args:
        name: ``org/name``.
        token: of somebody who may write; None for that of `HF_TOKEN` or the login. Never part of a message.
        limits: how long to try.
    """

    def __init__(self, name: str, token: str | None = None, limits: Limits | None = None) -> None:
        from huggingface_hub import HfApi

        self.name = name
        self.page = f"{hub_endpoint()}/datasets/{name}"
        self._api = HfApi(endpoint=hub_endpoint(), token=token or hub_token() or False)
        self._limits = limits or Limits()
        self._gate = HostGate(1)
        self._trees: dict[str, dict[str, RemoteFile]] = {}
        # jitter only: it must differ between processes
        self._rng = random.Random()  # noqa: S311

    def references(self) -> References | None:
        """Branches and tags; None where there is no such repository, or none that the token may see."""
        from huggingface_hub.errors import RepositoryNotFoundError

        def ask() -> References | None:
            try:
                found = self._api.list_repo_refs(self.name, repo_type="dataset")
            except RepositoryNotFoundError as error:
                if error.response.status_code == 401 and self._api.token:
                    raise
                return None
            return References(
                branches={ref.name: ref.target_commit for ref in found.branches},
                tags={ref.name: ref.target_commit for ref in found.tags},
            )

        return self._insist(ask, "looked up")

    def create(self, *, private: bool) -> None:
        """Make the repository, unless it is there."""
        self._insist(
            lambda: self._api.create_repo(self.name, repo_type="dataset", private=private or None, exist_ok=True),
            "created",
        )

    def create_branch(self, name: str, commit: str) -> None:
        """Make a branch at a commit, unless it is there."""
        self._insist(
            lambda: self._api.create_branch(
                self.name, branch=name, revision=commit, repo_type="dataset", exist_ok=True
            ),
            "given a branch",
        )

    def delete_branch(self, name: str) -> None:
        """Remove a branch, if it is there."""
        from huggingface_hub.errors import HfHubHTTPError

        def ask() -> None:
            try:
                self._api.delete_branch(self.name, branch=name, repo_type="dataset")
            except HfHubHTTPError as error:
                if error.response.status_code != 404:
                    raise

        self._insist(ask, "cleared of a branch")

    def create_tag(self, name: str, commit: str) -> None:
        """Name a commit; a tag that is there stays as it is."""
        self._insist(
            lambda: self._api.create_tag(self.name, tag=name, revision=commit, repo_type="dataset", exist_ok=True),
            "given a tag",
        )

    def tree(self, commit: str) -> dict[str, RemoteFile]:
        """Files of a commit, which never change."""
        from huggingface_hub import RepoFile

        if commit in self._trees:
            return self._trees[commit]

        def ask() -> dict[str, RemoteFile]:
            entries = self._api.list_repo_tree(self.name, repo_type="dataset", revision=commit, recursive=True)
            return {
                entry.path: RemoteFile(
                    bytes=entry.size, blob_id=entry.blob_id, sha256=entry.lfs.sha256 if entry.lfs else None
                )
                for entry in entries
                if isinstance(entry, RepoFile)
            }

        self._trees[commit] = self._insist(ask, "listed")
        return self._trees[commit]

    def manifests(self, commit: str, tree: Mapping[str, RemoteFile]) -> dict[str, Manifest]:
        """Folder → manifest of each data set in a commit, at the top or one level below.

        Raises:
            FormatError: one is damaged, or of a newer format.
        """
        paths = [path for path in tree if path.rpartition("/")[2] == MANIFEST_NAME and path.count("/") <= 1]
        return {path.rpartition("/")[0]: Manifest.from_bytes(self._read(path, commit), path) for path in sorted(paths)}

    def commit(
        self, branch: str, plan: CommitPlan, title: str, *, parent: str, sent: Callable[[int], None] | None = None
    ) -> str:
        """Commit files of this machine. What the Hub has in its storage is not uploaded again.

        Args:
            branch: to commit to.
            plan: what changes.
            title: of the commit.
            parent: commit at which the branch must be.
            sent: told bytes as they are read for upload.

        Returns:
            the new commit.

        Raises:
            MovedError: the branch is gone or at another commit, perhaps at this one after an answer that was lost.
        """
        from huggingface_hub import CommitOperationDelete

        def operations() -> list[Any]:
            deletions = [CommitOperationDelete(path, is_folder=False) for path in plan.delete]
            return [*deletions, *(_addition(file, sent) for file in plan.add)]

        return self._commit(branch, operations, title, parent)

    def copy(self, branch: str, paths: list[str], delete: list[str], title: str, *, source: str, parent: str) -> str:
        """Commit files of another commit: nothing is uploaded.

        Args:
            branch: to commit to.
            paths: to take from the commit `source`.
            delete: paths that go.
            title: of the commit.
            source: commit.
            parent: as for `commit`.

        Returns:
            the new commit.

        Raises:
            MovedError: as `commit`.
        """
        from huggingface_hub import CommitOperationCopy, CommitOperationDelete

        def operations() -> list[Any]:
            copies = [CommitOperationCopy(path, path, src_revision=source) for path in paths]
            return [*copies, *(CommitOperationDelete(path, is_folder=False) for path in delete)]

        return self._commit(branch, operations, title, parent)

    def _commit(self, branch: str, operations: Callable[[], list[Any]], title: str, parent: str) -> str:
        from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

        def ask() -> str:
            try:
                made = self._api.create_commit(
                    self.name,
                    operations(),
                    commit_message=title,
                    repo_type="dataset",
                    revision=branch,
                    parent_commit=parent,
                    num_threads=_UPLOADS,
                )
            except HfHubHTTPError as error:
                if error.response.status_code == 412 or isinstance(error, RevisionNotFoundError):
                    raise MovedError from error
                raise
            return str(made.oid)

        with _quiet():
            return self._insist(ask, "committed to")

    def _read(self, path: str, commit: str) -> bytes:
        def ask() -> bytes:
            with tempfile.TemporaryDirectory(prefix="voxpress-") as folder, _quiet():
                file = self._api.hf_hub_download(
                    self.name, path, repo_type="dataset", revision=commit, local_dir=folder
                )
                return Path(file).read_bytes()

        return self._insist(ask, "read")

    def _insist(self, ask: Callable[[], Result], done: str) -> Result:
        """Ask until there is an answer; huggingface_hub does so for some requests only."""

        def attempt(_: object) -> Result:
            try:
                result = ask()
            except (MovedError, KeyboardInterrupt):
                raise
            # of huggingface_hub, of its HTTP library, and RuntimeError around them
            except Exception as error:
                meaning = self._meaning(error, done)
                if meaning is None:
                    raise
                # texts of the library may hold signed addresses, so they are not chained
                raise meaning from None
            self._gate.answered = True
            return result

        return keep_trying(
            attempt, what=self.page, limits=self._limits, rng=self._rng, gate_of=lambda _: self._gate, done=done
        )

    def _meaning(self, error: BaseException, done: str) -> Exception | None:
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        chain = list(_chain(error))
        if any(isinstance(each, OfflineModeIsEnabled) for each in chain):
            return RemoteError(f"{self.page} could not be {done}, as HF_HUB_OFFLINE is set; unset it to publish")
        answered = next((each for each in chain if isinstance(each, HfHubHTTPError)), None)
        if answered is not None:
            return self._refusal(answered, done)
        if any(type(each).__module__.partition(".")[0].startswith(("httpx", "httpcore")) for each in chain):
            return Failure(f"broke off ({type(chain[-1]).__name__})", unreachable="Connect" in type(chain[0]).__name__)
        if isinstance(error, ValueError):
            return PublishError(f"{self.page} could not be {done}: {' '.join(str(error).split())[:500]}")
        return None

    def _refusal(self, error: Any, done: str) -> Exception:
        status = error.response.status_code
        stored = not str(error.response.url).startswith(f"{hub_endpoint()}/")
        # a signed address of its storage that is refused has expired; the next attempt is given another
        if status in _TRANSIENT or (stored and status == 403):
            told = retry_after_s(error.response.headers, datetime.now(UTC))
            return Failure(f"was answered with {status_text(status)}", retry_after=told)
        if status == 401:
            return RemoteError(
                f"{self.page} could not be {done}: the Hub does not know you; log in with `hf auth login`, or set "
                "HF_TOKEN to a valid token with the right to write"
            )
        if status == 403:
            return RemoteError(
                f"{self.page} could not be {done}: your token may not write there; use one with the right to write, "
                f"of somebody who may write to {self.name.partition('/')[0]}"
            )
        said = " ".join(str(error.server_message or "").split())[:500]
        advice = "look whether the data set changed while it was sent" if stored else "look at the message"
        msg = f"{self.page} could not be {done}: {status_text(status)} {said}".rstrip()
        return RemoteError(f"{msg}; {advice}, and run the same command again")


def _addition(file: PublishedFile, sent: Callable[[int], None] | None) -> CommitOperationAdd:
    made = _counted_addition()(path_in_repo=file.path, path_or_fileobj=str(file.place))
    made.sent = sent
    # known already, so the file need not be read for it
    made.upload_info.sha256 = bytes.fromhex(file.record.sha256)
    addition: CommitOperationAdd = made
    return addition


@cache
def _counted_addition() -> Any:
    from huggingface_hub import CommitOperationAdd

    class Counted(CommitOperationAdd):
        """Tells of bytes as they are read."""

        sent = None

        @contextmanager
        def as_file(self, with_tqdm: bool = False) -> Iterator[BinaryIO]:  # noqa: ARG002, FBT001, FBT002 - of the library
            with _CountedFile(str(self.path_or_fileobj), self.sent) as stream:
                yield stream

    return Counted


class _CountedFile(io.FileIO):
    def __init__(self, path: str, sent: Callable[[int], None] | None) -> None:
        super().__init__(path, "rb")
        self._sent = sent

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        if self._sent and data:
            self._sent(len(data))
        return data


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars of huggingface_hub, which know nothing of the whole."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _chain(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__ or following.__context__
