"""Which parts of the template are cortex, lateral ventricles, or neither.

nilearn ships tissue probabilities but no parcellation, so the regions come from the templates themselves: the
ventricles are one connected piece of CSF; cerebral cortex is told from deep grey matter, cerebellum and brainstem by
the shortest way through tissue to seeds of either side, where CSF is hard to cross. Hippocampus and amygdala are
contiguous with the cortex in the templates and count as cortex.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from .space import FINE_SHAPE, LOW_MM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .templates import Templates

    Mask = NDArray[np.bool_]
    Map = NDArray[np.float32]

__all__ = ["brain_mask", "cerebral_territory", "hippocampal_region", "lateral_ventricles", "signed_distance"]

_VENTRICLES_CENTRE_MM = (0.0, -15.0, 14.0)
_SMALLEST_VENTRICLES_ML = 5.0
_CROSSING_POWER = 4
_THINNED = slice(None, None, 2)


def brain_mask(templates: Templates) -> Mask:
    """The whole inside of the template's outline: the intracranial volume that it knows, 1,888 ml."""
    filled: Mask = ndimage.binary_fill_holes(templates.t1 > 0)
    return filled


def signed_distance(inside: Mask) -> Map:
    """Distance in mm to the border of a mask on the fine grid, negative inside."""
    outward = ndimage.distance_transform_edt(~inside) - 0.5
    inward = 0.5 - ndimage.distance_transform_edt(inside)
    distance: Map = np.where(inside, inward, outward).astype(np.float32)
    return distance


def lateral_ventricles(csf: Map) -> Mask:
    """The piece of CSF around the middle of the lateral ventricles (17.8 ml; the thin horns are blurred away)."""
    pieces, _ = ndimage.label(csf > 0.5)
    sizes_ml = np.bincount(pieces.ravel()) / 1000
    large = [n for n in np.flatnonzero(sizes_ml >= _SMALLEST_VENTRICLES_ML) if n > 0]
    centres = np.array(ndimage.center_of_mass(pieces > 0, pieces, large)) + np.array(LOW_MM)
    nearest = np.linalg.norm(centres - np.array(_VENTRICLES_CENTRE_MM), axis=1).argmin()
    found: Mask = pieces == large[int(nearest)]
    return found


def cerebral_territory(templates: Templates, brain: Mask, csf: Map) -> Map:
    """1 where the nearest tissue is cerebral cortex or its white matter, 0 elsewhere; smooth between."""
    inside = brain[_THINNED, _THINNED, _THINNED]
    ways, number = _ways_through_tissue(templates.t1[_THINNED, _THINNED, _THINNED], inside)
    depth_mm = ndimage.distance_transform_edt(brain)[_THINNED, _THINNED, _THINNED]
    tissue = inside & (csf[_THINNED, _THINNED, _THINNED] < 0.4)
    cortex, other = _seeds(depth_mm)
    distances = [
        dijkstra(ways, directed=False, indices=number[seeds & tissue], min_only=True) for seeds in (cortex, other)
    ]
    territory = np.zeros(inside.shape, dtype=np.float32)
    territory[inside] = distances[0] < distances[1]
    fine = territory.repeat(2, 0).repeat(2, 1).repeat(2, 2)[tuple(map(slice, FINE_SHAPE))]
    smooth: Map = ndimage.gaussian_filter(fine, 1.5)
    return smooth


def hippocampal_region() -> Map:
    """1 in two ellipsoids a side around hippocampus and amygdala (approximate MNI coordinates), 0 elsewhere, smooth."""
    x, y, z = _coordinates(1)
    x = np.abs(x)
    hippocampus = ((x - 27) / 9) ** 2 + ((y + 22) / 20) ** 2 + ((z + 13) / 9) ** 2
    amygdala = ((x - 23) / 10) ** 2 + ((y + 4) / 9) ** 2 + ((z + 19) / 9) ** 2
    outside = np.clip((np.minimum(hippocampus, amygdala) - 1.3) * 4, -30, 30)
    inside: Map = (1 / (1 + np.exp(outside))).astype(np.float32)
    return inside


def _coordinates(step: int) -> list[Map]:
    axes = [np.arange(0, n, step, dtype=np.float32) + low for n, low in zip(FINE_SHAPE, LOW_MM, strict=True)]
    return list(np.meshgrid(*axes, indexing="ij"))


def _seeds(depth_mm: NDArray[np.float64]) -> tuple[Mask, Mask]:
    """What is surely cerebral cortex, and surely not, by MNI coordinates and depth below the outline."""
    x, y, z = _coordinates(2)
    x = np.abs(x)
    cerebellum = (z < -30) & (y < -45) & (x < 40) | (z < -40) & (y < -42)
    cerebellum |= (z < -18) & (y < -45) & (y > -78) & (x < 12)
    brainstem = (x < 10) & (y < -14) & (y > -42) & (z < -8)
    deep = (x < 28) & (x > 2) & (y > -28) & (y < 16) & (z > -4) & (z < 16) & (depth_mm > 20)
    deep |= (x < 18) & (x > 8) & (y > 0) & (y < 20) & (z > 0) & (z < 16)
    other = cerebellum | brainstem | deep
    convexity = (z > 22) & ((depth_mm < 14) | (x < 9))
    surface = (depth_mm < 12) & (z > -6) & ((y > -20) | (y < -60) | (x > 45))
    medial_temporal = (x > 20) & (y > -32) & (y < 20) & (z < -8)
    lateral_temporal = (x > 36) & (y > -40) & (z > -26) | (x > 44) & (y > -60) & (z > -22)
    cortex = convexity | surface | medial_temporal | lateral_temporal | (y > 26) | (y < -88) & (z > -14)
    return cortex & ~other, other


def _ways_through_tissue(t1: Map, inside: Mask) -> tuple[coo_matrix, NDArray[np.int64]]:
    """Graph of the voxels inside, six neighbours each, and the node number of each voxel."""
    number = np.full(inside.shape, -1, dtype=np.int64)
    number[inside] = np.arange(inside.sum())
    effort = 1 / np.clip(t1, 0.05, 1) ** _CROSSING_POWER
    starts, ends, efforts = [], [], []
    for axis in range(3):
        here = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        there = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        both = inside[here] & inside[there]
        starts.append(number[here][both])
        ends.append(number[there][both])
        efforts.append(((effort[here] + effort[there]) / 2)[both])
    edges = (np.concatenate(efforts), (np.concatenate(starts), np.concatenate(ends)))
    return coo_matrix(edges, shape=(int(inside.sum()),) * 2).tocsr(), number
