"""What an engine is: it spreads jobs, such as the shards of a data set, over workers. It does not change a byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence, Sized

__all__ = ["ONE_CORE", "Engine", "Job", "JobT", "MadeT", "Maker", "Needs", "needs_of"]


class Job(Protocol):
    """What one call of a maker does."""

    @property
    def rows(self) -> Sized:
        """Samples to make; their number says how long it takes."""
        ...


JobT = TypeVar("JobT", bound=Job)
MadeT = TypeVar("MadeT")
_GivenT_contra = TypeVar("_GivenT_contra", bound=Job, contravariant=True)
_MadeT_co = TypeVar("_MadeT_co", covariant=True)


class Maker(Protocol[_GivenT_contra, _MadeT_co]):
    """What does jobs; goes to workers as it is."""

    def make(self, job: _GivenT_contra, *, on_sample: Callable[[], None]) -> _MadeT_co:
        """Does one job; tells of each sample, which may raise to stop."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What one worker has for itself. A backend may have an attribute `needs` that says it.

    Attributes:
        cpus: cores.
        gpus: devices; a part of one lets workers share it.
    """

    cpus: float = 1.0
    gpus: float = 0.0


ONE_CORE = Needs()


class Engine(Protocol):
    """Where jobs are done."""

    def run(
        self,
        maker: Maker[JobT, MadeT],
        jobs: Sequence[JobT],
        *,
        on_sample: Callable[[int], None],
        needs: Needs = ONE_CORE,
        ready: Callable[[Any], None] | None = None,
    ) -> Generator[MadeT]:
        """Does jobs, and gives what comes of each as soon as it is done, in any order; closed early, it ends the work.

        Args:
            maker: does one job; doing one twice, also at the same time, must do no harm.
            jobs: to do.
            on_sample: called with the number of samples that were finished since the last call.
            needs: of one worker.
            ready: called once in every worker that is of another machine or installation, with the maker, before its
                first job; raises if the worker would not do what this process would. Picklable.

        Raises:
            GenerationError: workers died, or what `make` or `ready` raises. What is committed stays.
        """
        ...


def needs_of(backend: Any) -> Needs:
    """What a worker with a backend needs: what it says, or one core."""
    needs = getattr(backend, "needs", None) or ONE_CORE
    assert isinstance(needs, Needs), f"needs of a backend must be Needs, got {needs!r}"
    return needs
