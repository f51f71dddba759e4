"""How bright each tissue is, by the signal equation of each contrast.

Relaxation times at 3 T. White and grey matter: Wansapura et al. 1999 (J Magn Reson Imaging 9:531). CSF T1: Lu et al.
2005 (J Magn Reson Imaging 22:13). Proton densities 0.70, 0.82, 1. CSF T2 and all of the lesions' values are
assumptions: they put hyperintensities where they are seen, a little above grey matter in T1w, brightest in FLAIR.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, log, radians, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

__all__ = ["BRIGHTEST", "CONTRASTS", "Signals", "signals"]

CONTRASTS = ("T1w", "T2w", "FLAIR", "FDG-PET")

BRIGHTEST = 0.8
"""Of the range of an image: leaves room for noise and bias field."""
_JITTER = 0.03
"""Relative standard deviation of each setting of a sequence between scans: an assumption."""
_T1W_FLUID_FLOOR = 0.2
"""Of white matter: flow, vessels and membranes keep CSF from being as dark as the equation says; an assumption."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """Relaxation times in ms, proton density relative to CSF."""

    t1: float
    t2: float
    density: float


GREY = Tissue(t1=1331, t2=110, density=0.82)
WHITE = Tissue(t1=832, t2=79, density=0.70)
FLUID = Tissue(t1=3817, t2=1500, density=1.0)
LESION = Tissue(t1=1200, t2=150, density=0.80)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Noise-free intensity of each tissue, in [0, 1]."""

    grey: float
    white: float
    fluid: float
    lesion: float


def signals(contrast: str, random: Generator) -> Signals:
    """The intensities of one scan, with settings that vary a little from scan to scan.

    Args:
        contrast: one of `CONTRASTS`.
        random: three normal deviates are drawn from it.
    """
    vary = [exp(_JITTER * float(d)) for d in random.standard_normal(3)]
    values = _EQUATIONS[contrast](vary)
    scale = BRIGHTEST / max(values)
    grey, white, fluid, lesion = (value * scale for value in values)
    return Signals(grey=grey, white=white, fluid=fluid, lesion=lesion)


def _t1w(vary: list[float]) -> list[float]:
    grey, white, fluid, lesion = (
        mprage(tissue, repetition=2300 * vary[0], inversion=900 * vary[1], flip=9 * vary[2])
        for tissue in (GREY, WHITE, FLUID, LESION)
    )
    return [grey, white, max(fluid, _T1W_FLUID_FLOOR * white), lesion]


def _t2w(vary: list[float]) -> list[float]:
    return [spin_echo(tissue, repetition=6000 * vary[0], echo=100 * vary[1]) for tissue in (GREY, WHITE, FLUID, LESION)]


def _flair(vary: list[float]) -> list[float]:
    repetition = 9000 * vary[0]
    # sequences are set up so that CSF is nulled
    inversion = FLUID.t1 * log(2 / (1 + exp(-repetition / FLUID.t1)))
    return [
        abs(inversion_recovery(tissue, repetition=repetition, inversion=inversion, echo=100 * vary[1])) + 0.01 * vary[2]
        for tissue in (GREY, WHITE, FLUID, LESION)
    ]


def _fdg_pet(vary: list[float]) -> list[float]:
    """Uptake of grey, white matter and CSF as 4:1:0, the Hoffman brain phantom's (Hoffman et al. 1990, JCAT 14:151)."""
    return [4 * vary[0], 1 * vary[1], 0.05 * vary[2], 0.8 * vary[1]]


_EQUATIONS: dict[str, Callable[[list[float]], list[float]]] = {
    "T1w": _t1w,
    "T2w": _t2w,
    "FLAIR": _flair,
    "FDG-PET": _fdg_pet,
}


def spin_echo(tissue: Tissue, *, repetition: float, echo: float) -> float:
    """Signal of a spin echo; times in ms."""
    return tissue.density * (1 - exp(-repetition / tissue.t1)) * exp(-echo / tissue.t2)


def inversion_recovery(tissue: Tissue, *, repetition: float, inversion: float, echo: float) -> float:
    """Signed signal of an inversion-recovery spin echo; times in ms."""
    recovered = 1 - 2 * exp(-inversion / tissue.t1) + exp(-repetition / tissue.t1)
    return tissue.density * recovered * exp(-echo / tissue.t2)


def mprage(
    tissue: Tissue,
    *,
    repetition: float,
    inversion: float,
    flip: float,
    spacing: float = 7.1,
    echoes: int = 104,
    efficiency: float = 0.96,
) -> float:
    """Signal of MPRAGE at the centre of k-space, in the steady state (after Deichmann et al. 2000, NeuroImage 12:112).

    Args:
        tissue: its echo time is taken as short.
        repetition: between inversions, in ms.
        inversion: from the inversion pulse to the centre of the readout, in ms.
        flip: angle of the readout in degrees.
        spacing: between the echoes of the readout, in ms.
        echoes: in one readout.
        efficiency: of the inversion.
    """
    angle, readout = radians(flip), echoes * spacing
    saturated_t1 = 1 / (1 / tissue.t1 - log(cos(angle)) / spacing)
    equilibrium = tissue.density
    driven = equilibrium * (1 - exp(-spacing / tissue.t1)) / (1 - exp(-spacing / saturated_t1))
    before = exp(-(inversion - readout / 2) / tissue.t1)
    during = exp(-readout / saturated_t1)
    after = exp(-(repetition - inversion - readout / 2) / tissue.t1)
    steady = equilibrium * (1 - after) + (driven * (1 - during) + equilibrium * (1 - before) * during) * after
    steady /= 1 + efficiency * before * during * after
    start = equilibrium * (1 - before) - efficiency * steady * before
    return abs(sin(angle) * (driven + (start - driven) * exp(-readout / 2 / saturated_t1)))
