"""Another source, with every read counted and timed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..tally import Stopwatch, Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .source import Source

__all__ = ["CountedSource"]


@dataclass(frozen=True, slots=True)
class CountedSource:
    """Delegates to a source; for measurements, as counting costs some microseconds a read.

    Attributes:
        inner: where the files are.
        tally: what is added to. Two counted sources of one place are equal whatever they have counted.
        of_indexes: count what is read as indexes of shards too.
    """

    inner: Source
    tally: Tally = field(default_factory=Tally, compare=False, repr=False)
    of_indexes: bool = field(default=False, compare=False, repr=False)

    @property
    def url(self) -> str:
        """Of the source."""
        return self.inner.url

    @property
    def remote(self) -> bool:
        """As the source."""
        return self.inner.remote

    @property
    def fills_parts(self) -> bool:
        """As the source; False where it does not say."""
        return getattr(self.inner, "fills_parts", False)

    def below(self, folder: str) -> CountedSource:
        """As the source; counted together."""
        return replace(self, inner=self.inner.below(folder))

    def read_into(self, path: str, start: int, out: memoryview) -> None:
        """Fill `out`; as `Source.read_into`."""
        watch = Stopwatch()
        self.inner.read_into(path, start, out)
        wall, cpu = watch.read()
        of_index = {"index_s": wall, "index_cpu_s": cpu} if self.of_indexes else {}
        self.tally.add(requests=1, bytes=out.nbytes, fetch_s=wall, fetch_cpu_s=cpu, **of_index)

    def read_parts(self, path: str, start: int, parts: Sequence[memoryview]) -> bool:
        """As that of the source; nothing where it has none."""
        inner = getattr(self.inner, "read_parts", None)
        watch = Stopwatch()
        if inner is None or not inner(path, start, parts):
            return False
        wall, cpu = watch.read()
        self.tally.add(requests=1, bytes=sum(map(len, parts)), fetch_s=wall, fetch_cpu_s=cpu)
        return True

    def read_all(self, path: str, *, most: int) -> bytes:
        """Read a small file whole; as `Source.read_all`."""
        watch = Stopwatch()
        data = self.inner.read_all(path, most=most)
        self.tally.add(files=1, file_bytes=len(data), files_s=watch.read()[0])
        return data

    def state(self, path: str, size: int) -> tuple[int, ...]:
        """What differs once a file has changed; as `Source.state`. Not counted."""
        return self.inner.state(path, size)
