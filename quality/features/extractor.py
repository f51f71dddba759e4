"""The contract between voxpress and whatever turns a volume into numbers.

The built-in ones need no weights. A user's own network (MedicalNet, a segmentation, a contrastive encoder) plugs in as
an object that keeps this contract:

* **`embed` is a pure function of the volume**: no random state, no dependence on what was embedded before.
* **`feature_id` changes whenever the same volume could give other numbers**: it names method, version, seed and
  resolution, and travels with every score. Numbers of two ids are never compared.
* **Any grid is taken**: the extractor resamples by `Volume.affine`; what it cannot take is a `ValueError`.
* **It can be pickled**, and loads what is heavy on the first `embed` of a process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..volume import Volume

__all__ = ["FeatureExtractor"]


@runtime_checkable
class FeatureExtractor(Protocol):
    """What turns a volume into a vector; see the module's text for the contract."""

    name: str
    """Short, snake_case: `copy_dct`, `random_conv`, …; column of the feature table and middle part of a score's id."""
    feature_id: str
    """Name, version, seed and resolution, for example `random_conv/1/seed0/3mm`."""
    width: int
    """Numbers of one vector."""

    def embed(self, volume: Volume) -> NDArray[np.float32]:
        """The `(width,)` float32 vector of a volume, finite.

        Raises:
            ValueError: nothing can be computed from this volume (empty, not finite); the message says why.
        """
        ...
