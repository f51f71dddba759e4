"""Publishes a version to the Hugging Face Hub, so that a crash anywhere leaves the old version or the new one.

1. A branch `release-…` is made from `main`. Commits of bounded size bring volumes, then tables, then what is beside
   them; the last one brings manifest and card, and takes away what the version before had and this one has not.
2. The commit is held against the manifest, by the checksums that the Hub reports.
3. It gets the tag. From then on the version is there, and does not change.
4. One commit brings `main` to the same files, copied on the Hub. Whoever reads `main` sees one version or the other.
5. The branch goes.

Every step first looks at what is there. So the same command, run again after a crash, does what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...errors import FormatError, RemoteError, StoreExistsError
from ...store.versions import is_newer
from .card_check import check_card
from .contents import refuse_broken
from .gate_check import check_gate
from .hub_api import HubRepository, MovedError
from .hub_plan import files_of_versions, is_there, missing_files, plan_commits, stale_files
from .limits import check_hub_limits
from .outcome import Published, Step, Teller

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...store import Manifest
    from .contents import Contents, PublishedFile
    from .hub_api import References
    from .hub_plan import RemoteFile
    from .outcome import Tell

    Tree = Mapping[str, RemoteFile]

__all__ = ["publish_on_hub"]

_MAIN: Final = "main"
_MOST_ROUNDS: Final = 10


def publish_on_hub(
    contents: Contents,
    name: str,
    *,
    private: bool,
    token: str | None,
    dry_run: bool,
    override: str | None,
    tell: Tell | None,
) -> Published:
    """Publish; see the module.

    Args:
        contents: the version.
        name: ``org/name``.
        private: make the repository private, if it is made.
        token: None for that of the environment or the login.
        dry_run: only look.
        override: reason to publish against the quality gate.
        tell: told of progress.

    Raises:
        PublishError, CorruptError: the data set cannot be published as it is.
        StoreExistsError: the tag names something else.
        RemoteError: the Hub refuses, or cannot be reached.
    """
    publication = _Publication(contents, HubRepository(name, token), tell)
    return publication.run(private=private, dry_run=dry_run, override=override)


class _Publication:
    def __init__(self, contents: Contents, hub: HubRepository, tell: Tell | None) -> None:
        self._contents = contents
        self._hub = hub
        self._tell = tell
        self._tag = contents.tag
        self._branch = f"release-{contents.tag.removeprefix('v')}"
        self._notes: list[str] = []

    def run(self, *, private: bool, dry_run: bool, override: str | None) -> Published:
        found = self._hub.references()
        if found is not None and self._tag in found.tags:
            done = self._refuse_other(found.tags[self._tag])
            acted = self._finish(done, found, dry_run=dry_run)
            return self._outcome((), finished_before=not acted, for_show=dry_run)
        main = {} if found is None else self._hub.tree(found.branches[_MAIN])
        owned = self._owned(None if found is None else found.branches[_MAIN], main)
        there = (
            main
            if found is None or self._branch not in found.branches
            else self._hub.tree(found.branches[self._branch])
        )
        sizes = {path: main[path].bytes for path in owned}
        sizes |= {file.path: file.record.bytes for file in self._contents.files}
        self._notes += [*check_hub_limits(sizes), *check_card(self._contents)]
        self._notes += check_gate(self._contents, override, dry_run=dry_run)
        missing = tuple(missing_files(self._contents.files, there))
        if not dry_run:
            refuse_broken(self._contents, self._tell and self._verifying)
            if private and found is not None:
                self._notes.append(f"{self._hub.page} was there already, so --private did nothing; see its settings")
            if found is None:
                self._hub.create(private=private)
                found = self._hub.references()
                if found is None:
                    msg = f"{self._hub.page} was made, but cannot be seen with your token; use one that may read it"
                    raise RemoteError(msg)
            self._hub.create_branch(self._branch, found.branches[_MAIN])
            commit = self._fill(owned, Teller(missing, self._tell))
            self._hub.create_tag(self._tag, commit)
            # somebody else may have been faster
            found = self._hub.references()
            assert found is not None
            self._finish(self._refuse_other(found.tags[self._tag]), found, dry_run=False)
        return self._outcome(missing, finished_before=False, for_show=dry_run)

    def _verifying(self, done: int, total: int) -> None:
        assert self._tell is not None
        self._tell(Step(doing="verifying", bytes_done=done, bytes_total=total))

    def _refuse_other(self, commit: str) -> str:
        """The commit of the tag, if it is this version."""
        tree = self._hub.tree(commit)
        sealed = [file for file in self._contents.files if file.path in self._contents.manifests]
        if all(is_there(file, tree.get(file.path)) for file in sealed):
            return commit
        msg = (
            f"{self._hub.name} has a version {self._tag} already, and it is another data set; a version never changes: "
            "give this one a new version number in its recipe (`voxpress next`), or publish under another name"
        )
        raise StoreExistsError(msg)

    def _owned(self, commit: str | None, tree: Tree) -> set[str]:
        """Files on `main` that are no part of the version there; they stay."""
        if commit is None:
            return set()
        try:
            versions = files_of_versions(self._hub.manifests(commit, tree), tree)
        except FormatError as error:
            msg = f"main of {self._hub.page} holds a data set that this voxpress cannot read ({error})"
            raise FormatError(msg) from error
        return set(tree) - versions - {file.path for file in self._contents.files}

    def _fill(self, owned: set[str], teller: Teller) -> str:
        """Commit to the branch until the Hub has every file with the right checksum, and nothing else.

        Returns:
            the commit.
        """
        progress: list[int] = []
        while True:
            refs = self._hub.references()
            assert refs is not None
            if (head := refs.branches.get(self._branch)) is None:
                # another publisher of the same version was faster
                if self._tag in refs.tags:
                    return refs.tags[self._tag]
                self._hub.create_branch(self._branch, refs.branches[_MAIN])
                continue
            tree = self._hub.tree(head)
            stale = stale_files(self._contents.files, tree, owned)
            commits = plan_commits(self._contents.files, tree, stale)
            if not commits:
                return head
            progress.append(sum(len(plan.add) + len(plan.delete) for plan in commits))
            if progress[-_MOST_ROUNDS:].count(progress[-1]) > 2 or len(progress) > 1000:
                raise RemoteError(self._stuck(commits[0].add[0].path if commits[0].add else stale[0]))
            try:
                for number, plan in enumerate(commits, 1):
                    title = f"{self._contents.name} {self._contents.version}: part {number} of {len(commits)}"
                    head = self._hub.commit(self._branch, plan, title, parent=head, sent=teller.moved)
                    teller.settled(sum(file.record.bytes for file in plan.add), len(plan.add))
            except MovedError:
                # by another publisher, or by this one's commit whose answer was lost: look again
                continue

    def _stuck(self, path: str) -> str:
        return (
            f"the branch {self._branch} of {self._hub.page} does not get {path} as it is here; look whether a "
            ".gitignore there leaves it out, or somebody else is publishing at the same time, and run the command again"
        )

    def _finish(self, commit: str, found: References, *, dry_run: bool) -> bool:
        """Bring `main` to the version of the tag, and clear up.

        Returns:
            whether there was anything to do.
        """
        acted = self._promote(commit, dry_run=dry_run)
        if found.branches.get(self._branch) == commit:
            acted = True
            if not dry_run:
                self._hub.delete_branch(self._branch)
        return acted

    def _promote(self, commit: str, *, dry_run: bool) -> bool:
        wanted = self._hub.tree(commit)
        for _ in range(_MOST_ROUNDS):
            refs = self._hub.references()
            assert refs is not None
            head = refs.branches[_MAIN]
            tree = self._hub.tree(head)
            if all(tree.get(path) == wanted[path] for path in self._contents.manifests):
                return False
            manifests = self._hub.manifests(head, tree)
            if newer := self._newer(manifests):
                self._notes.append(f"main stays at {newer[0]}, which is newer than {self._contents.version}")
                return False
            if dry_run:
                return True
            paths = files_of_versions(self._contents.stores, wanted)
            changed = sorted(path for path in paths if tree.get(path) != wanted[path])
            gone = sorted(files_of_versions(manifests, tree) - set(wanted))
            title = f"{self._contents.name} {self._contents.version}"
            try:
                self._hub.copy(_MAIN, changed, gone, title, source=commit, parent=head)
            except MovedError:
                continue
            return True
        msg = f"main of {self._hub.page} keeps moving; run the same command again when nobody else writes to it"
        raise RemoteError(msg)

    def _newer(self, manifests: Mapping[str, Manifest]) -> list[str]:
        """Versions on `main` that come after this one, which nobody can say of a collection of different versions."""
        if {each.version for each in self._contents.stores.values()} != {self._contents.version}:
            return []
        return [each.version for each in manifests.values() if is_newer(each.version, self._contents.version)]

    def _outcome(self, missing: tuple[PublishedFile, ...], *, finished_before: bool, for_show: bool) -> Published:
        return Published(
            address=f"{self._hub.name}@{self._tag}",
            contents=self._contents,
            missing=missing,
            finished_before=finished_before,
            for_show=for_show,
            notes=tuple(self._notes),
        )
