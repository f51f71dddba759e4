"""The extractors that voxpress brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .copy_dct import CopyDct
from .iqm import ImageQuality
from .morphometry import LabelVolumes, Morphometry
from .random_conv import RandomConv
from .spectrum import RadialSpectrum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...store import ArraySpec
    from .extractor import FeatureExtractor

__all__ = ["standard_extractors"]


def standard_extractors(specs: Mapping[str, ArraySpec] | None = None) -> tuple[FeatureExtractor, ...]:
    """The built-in extractors of a data set; none needs weights. Hashes follow from `copy_dct`, without the volumes.

    Args:
        specs: of its arrays; with a label map that names structures, their volumes are among the features.
    """
    label = (specs or {}).get("label")
    named = {value: name for value, name in (label.labels or {}).items() if value} if label else {}
    always: tuple[FeatureExtractor, ...] = (
        CopyDct(),
        RandomConv(),
        RadialSpectrum(),
        Morphometry(),
        ImageQuality(),
    )
    return (*always, LabelVolumes(named)) if named else always
