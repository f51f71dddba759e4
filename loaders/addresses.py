"""A volume of a store as one line of text, for pipelines that know nothing but file names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import CorruptError
from ..store import array_path
from ..store import open as open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..store.arrays import ArraySpec
    from ..store.cohort import Cohort
    from ..store.manifest import Manifest

__all__ = ["Address", "AddressReader", "addresses"]

_FORM: Final = re.compile(
    r"(?P<url>.+)/volumes/(?P<split>[a-zA-Z0-9._-]+)\.zarr/(?P<array>[a-z][a-z0-9_]*)"
    r"#(?P<slot>[0-9]{1,15})(@(?P<digest>[0-9a-f]{12}))?"
)
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a volume is: ``brains/volumes/train.zarr/image#12``, or with ``@`` and the beginning of the digest.

    Attributes:
        url: folder or address of the store.
        split: of the sample.
        array: `image`, `label`, …
        slot: of the sample in the arrays of its split.
        digest: first digits of the manifest's digest, so that another version at the same place is noticed; None to
            take what is there.
    """

    url: str
    split: str
    array: str
    slot: int
    digest: str | None = None

    def __str__(self) -> str:
        """As `parse` reads it."""
        version = "" if self.digest is None else f"@{self.digest}"
        return f"{self.url.rstrip('/')}/{array_path(self.split, self.array)}#{self.slot}{version}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address.

        Args:
            text: also with the ``//`` of a URL made one, as `pathlib` does to it.

        Raises:
            ValueError: it is none.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            msg = f"{text[:300]!r} is no volume of a data set, which reads STORE/volumes/SPLIT.zarr/ARRAY#SLOT"
            raise ValueError(msg)
        return cls(
            url=re.sub(r"^([a-z][a-z0-9+.-]+):/(?!/)", r"\1://", found["url"]),
            split=found["split"],
            array=found["array"],
            slot=int(found["slot"]),
            digest=found["digest"],
        )


def addresses(cohort: Cohort, array: str) -> list[str]:
    """The address of each row.

    Args:
        cohort: from `voxpress.open`, whole or selected.
        array: one of its arrays.
    """
    where, digest = cohort.locations, cohort.manifest.digest[:_DIGITS]
    folders = [f"{cohort.url.rstrip('/')}/{array_path(split, array)}" for split in where.splits]
    places = zip(where.split.tolist(), where.slot.tolist(), strict=True)
    return [f"{folders[split]}#{slot}@{digest}" for split, slot in places]


class AddressReader:
    """Reads volumes by address. A data set is opened once in a process; copies in other processes open it themselves.

    Args:
        cohort: its data set is read as it was opened (with its cache, for example) instead of opening it anew.
        opened: how to open others.
    """

    def __init__(self, cohort: Cohort | None = None, opened: Callable[[str], Cohort] = open_store) -> None:
        self._given = cohort
        self._opened = opened
        self._cohorts: dict[str, tuple[Cohort, str]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return AddressReader, (self._given, self._opened)

    def read(self, address: Address) -> tuple[NDArray[Any], ArraySpec, Manifest, str]:
        """Read a volume.

        Returns:
            ``(x, y, z)`` as stored, the spec of its array, its data set's manifest, and the digest of that.

        Raises:
            CorruptError: its bytes are missing or wrong, or the data set is not the one that the address was made of.
            KeyError: the data set has no such split, array or sample.
        """
        whole, digest = self._whole(address.url)
        if address.digest is not None and not digest.startswith(address.digest):
            msg = (
                f"{address} was written for the data set with digest {address.digest}…, but at {address.url} there is "
                f"{whole.manifest.name} {whole.manifest.version} with {digest[:_DIGITS]}…; make the list again"
            )
            raise CorruptError(msg, kind="checksum", path=array_path(address.split, address.array))
        return whole.read(_row(whole, address), address.array), whole.specs[address.array], whole.manifest, digest

    def _whole(self, url: str) -> tuple[Cohort, str]:
        """All rows of a data set, and its digest, which takes long to compute."""
        if url not in self._cohorts:
            given = self._given
            same = given is not None and url == given.url.rstrip("/")
            whole = type(given)(given.store) if given is not None and same else self._opened(url)
            self._cohorts[url] = whole, whole.manifest.digest
        return self._cohorts[url]


def _row(whole: Cohort, address: Address) -> int:
    """Row of a slot in the whole table, in which splits follow each other and slots ascend."""
    where = whole.locations
    if address.split in where.splits and address.array in whole.specs:
        number = where.splits.index(address.split)
        first, stop = np.searchsorted(where.split, [number, number + 1])
        row = int(first + np.searchsorted(where.slot[first:stop], address.slot))
        if row < stop and where.slot[row] == address.slot:
            return row
    msg = f"there is no volume {address}; the splits are {', '.join(where.splits)}, the arrays {', '.join(whole.specs)}"
    raise KeyError(msg)
