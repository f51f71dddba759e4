"""The contract between voxpress and whatever makes voxels.

A backend is a callable ``(options, grid) -> Backend``, registered under the entry-point group
``voxpress.backends``. What every backend must keep (``tests/conformance.py`` runs it on each):

* **A sample is a pure function of its order.** The same `Order` gives the same bits, whatever the other
  orders of the call, their number or sequence, the process, or what was made before. No global random state.
* **Constructing is cheap.** Declared conditions, outputs and affine are there without weights or templates;
  heavy things are loaded by the first `generate`.
* **Volumes** are C-contiguous ``(x, y, z)`` arrays of `grid.shape` on the declared `affine` (RAS+, mm): an image is
  float32 in its declared range with the background exactly at `Output.background`; a label map is uint8
  and holds no value that is not named.
* **`measured`** holds exactly the declared measures, computed from the volumes that are returned.
* **What cannot be made is refused**, by range or by `limits`, before any voxel is made; what went wrong in one
  sample is told in `Sample.faults`, never hidden.
* **`fingerprint`** changes whenever the same order could give other bits.

Four attributes may be left out (the functions of these names in `batches` and `engines` give their defaults):

* ``preferred_batch``: so many orders at once make good use of the device; 1 if it is not there. It is a matter of speed
  alone, because of the first clause.
* ``makes_ahead``: `generate` may run in two threads while others check and write what was made before. Only for
  what computes on a device of its own: on the CPU it would share settings of torch with whoever else uses it.
* ``findings_by_design``: reason codes of `quality.MEANINGS` that its sound samples have too, such as ``FOV_CUT`` where
  the field of view cuts the body as it did in the scans that a model was trained on. They refuse no sample.
* ``needs``: `engines.Needs`, what one worker has for itself; a core if it is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Known = Mapping[str, NDArray[Any]]
    """Conditions already drawn: name → one value a row, float64 or str."""

__all__ = ["Backend", "Condition", "Gaussian", "Grid", "Measure", "Order", "Output", "Sample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The voxel grid of every volume of a data set.

    Attributes:
        shape: voxels along x, y and z.
        spacing_mm: distance of voxel centres along x, y and z.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        x, y, z = self.spacing_mm
        return x * y * z / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian:
    """What a population formula predicts for each row.

    Attributes:
        mean: one value a row; of log10 of the condition where `log10` is set.
        sd: residual standard deviation, on the same scale.
        log10: the residual is normal on the scale of log10.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64] | float
    log10: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One attribute that can be ordered. A backend declares them in the order in which they are drawn.

    Attributes:
        name: column of the table; snake_case, with its unit at the end where it has one.
        kind: `number` (float64) or `category` (str).
        meaning: one sentence for the card and the help.
        unit: of a number; empty for a ratio.
        minimum, maximum: hard limits of a number, both reachable for some row.
        choices: the values of a category.
        decimals: numbers are ordered rounded to so many, which makes a cohort the same on every machine.
        default: what a recipe that does not mention the condition means, written as in a recipe.
        population: the published formula, given the conditions declared before this one; None where there is none.
        limits: `(lower, upper)` given the conditions declared before this one, where the reach depends on them.
    """

    name: str
    kind: Literal["number", "category"]
    meaning: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    decimals: int = 2
    default: Any = "population"
    population: Callable[[Known], Gaussian] | None = None
    limits: Callable[[Known], tuple[NDArray[np.float64], NDArray[np.float64]]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One volume of a sample.

    Attributes:
        name: array in the store: `image` or `label`.
        kind: what it is.
        minimum, maximum: range of an image's float32 values; stored integers span it.
        background: the value outside the body, kept exactly.
        unit: of an image, for example `HU`; `arbitrary` for MR.
        labels: value → name of a label map, background included.
    """

    name: str
    kind: Literal["image", "label"]
    minimum: float = 0.0
    maximum: float = 1.0
    background: float = 0.0
    unit: str = "arbitrary"
    labels: Mapping[int, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure computed from the volumes of a sample; stored as the column `measured_<name>`.

    Attributes:
        name: the condition that it answers, where there is one.
        meaning: one sentence for the card.
        unit: empty for a ratio.
    """

    name: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One sample to make.

    Attributes:
        index: row of the cohort.
        attempt: 0, and one more for every rejected attempt before.
        seed: 63-bit, a function of (recipe seed, index, attempt): the only source of randomness.
        conditions: name → value, all that the backend declares.
    """

    index: int
    attempt: int
    seed: int
    conditions: Mapping[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample as made.

    Attributes:
        volumes: output name → `(x, y, z)` array.
        measured: measure name → value.
        faults: reason codes of what the backend itself found wrong; empty if nothing.
    """

    volumes: Mapping[str, NDArray[Any]]
    measured: Mapping[str, float]
    faults: tuple[str, ...] = field(default=())


@runtime_checkable
class Backend(Protocol):
    """What makes voxels; see the module's text for the contract."""

    name: str
    grid: Grid
    conditions: tuple[Condition, ...]
    outputs: tuple[Output, ...]
    measures: tuple[Measure, ...]
    digital_source_type: str
    """IPTC digital source type (a URI) that its samples carry."""

    @property
    def affine(self) -> NDArray[np.float64]:
        """4×4, voxel index → RAS+ millimetres."""
        ...

    def generate(self, orders: Sequence[Order]) -> Sequence[Sample]:
        """Makes one sample for each order, in their sequence."""
        ...

    def fingerprint(self) -> Mapping[str, str]:
        """Everything beside the order that decides the bits: versions, weights, device class."""
        ...
