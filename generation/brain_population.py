"""Published formulas of the adult human brain: what is usual for a person of this age, sex and diagnosis.

Each function is the `population` of a condition: it takes the conditions that are known (``age`` in years, ``sex``
``F`` or ``M``, ``diagnosis`` ``CN``, ``MCI`` or ``AD``, and the volumes drawn before) and predicts a normal
distribution for each row. Sources:

* **NOMIS** (ventricles, cortex): Potvin, Dieumegarde & Duchesne, bioRxiv 2021.01.25.428063; models BSD-3-Clause
  © 2021 OPMEDICS. FreeSurfer 6, healthy adults; scanner terms at 3 T, Siemens, 1 mm, mean contrast-to-noise ratio,
  re-fitted to a compact polynomial (error of the re-fit far below the residual SD).
* **OASIS-1** (intracranial volume, whole-brain loss): Marcus et al. 2007, J Cogn Neurosci 19:1498; the intracranial
  volumes are computed from its public table (316 people without dementia, first session).
* **Assumptions** of this project, where nothing that may be built in is published: the ventricular offsets of MCI and
  AD, and all of the white-matter hyperintensities. They are named so below; results that rest on them are not
  epidemiology.

The polynomials are evaluated at every age asked for and nothing is clamped: above about 90 years they extrapolate,
as the samples behind them end there. Residuals of different volumes are independent here; in people they correlate
(larger ventricles with thinner cortex, beyond what age and diagnosis explain).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .backend import Gaussian

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .backend import Known

__all__ = ["cortical_volume", "intracranial_volume", "ventricular_volume", "wmh_volume"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nomis:
    """One linear model of NOMIS: coefficients of x = (age − 55)/10, z = (eTIV − 1,523 ml)/100 ml and M = 1 for men."""

    b0: float
    x: float
    x2: float
    x3: float
    z: float
    z2: float
    xz: float
    male: float
    sd: float

    def mean(self, known: Known) -> NDArray[np.float64]:
        x = (known["age"] - 55) / 10
        z = (known["intracranial_volume_ml"] - 1523) / 100
        by_age = self.x * x + self.x2 * x**2 + self.x3 * x**3
        by_head = self.z * z + self.z2 * z**2 + self.xz * x * z
        return np.asarray(self.b0 + by_age + by_head + self.male * _male(known), dtype=np.float64)


_LATERAL_LOG10_MM3 = _Nomis(
    b0=4.26165, x=0.10137, x2=0.00931, x3=-0.00117, z=0.05644, z2=0.00274, xz=0.00567, male=0.0019, sd=0.17
)
_CORTEX_ML = _Nomis(b0=463.89, x=-11.01, x2=-0.491, x3=-0.209, z=21.23, z2=0.0, xz=-1.117, male=2.24, sd=22.0)

_INTRACRANIAL_ML = {"F": 1409.0, "M": 1596.0}
_INTRACRANIAL_SD_ML = {"F": 127.0, "M": 126.0}

_VENTRICLES_LOG10 = {"CN": 0.0, "MCI": 0.07, "AD": 0.18}
"""Assumption: that AD > MCI > CN is reported (Nestor 2008), how much on this scale is ours."""

_WHOLE_BRAIN_OF_ICV = {"CN": 0.0, "MCI": -0.0225, "AD": -0.0419}
"""OASIS-1 (Marcus 2007): whole brain / ICV at CDR 0.5 (MCI) and CDR 1 or more (AD), against CDR 0 of the same age."""

_MM3_PER_ML_LOG10 = 3.0


def intracranial_volume(known: Known) -> Gaussian:
    """Intracranial volume in ml by sex (OASIS-1 eTIV: F 1,409 ± 127, M 1,596 ± 126); it does not change with age."""
    return Gaussian(mean=_by(known["sex"], _INTRACRANIAL_ML), sd=_by(known["sex"], _INTRACRANIAL_SD_ML))


def ventricular_volume(known: Known) -> Gaussian:
    """Log10 of the ml of both lateral ventricles with their temporal horns (NOMIS), larger in MCI and AD.

    The offsets of MCI (+0.07) and AD (+0.18, half as large again) are an assumption of this project.
    """
    return Gaussian(mean=_log10_ventricles(known, known["diagnosis"]), sd=_LATERAL_LOG10_MM3.sd, log10=True)


def cortical_volume(known: Known) -> Gaussian:
    """Cortical grey matter in ml (NOMIS), smaller in MCI and AD by our own derivation.

    OASIS-1 reports how much smaller the whole brain is: |δ| of the intracranial volume V, with |δ| = 0.0225 in MCI
    and 0.0419 in AD. Inside a skull that does not shrink, what the brain loses is taken by fluid: the ventricles and
    the sulci grow, ``|δ|·V = growth of the ventricles + growth of the sulci``. The ventricles' part is what
    `ventricular_volume` expects, E[ventricles | diagnosis] − E[ventricles | CN]; the rest widens the sulci, and is here
    taken from the cortex alone:

        offset = −|δ|·V + (E[ventricles | diagnosis] − E[ventricles | CN])

    White matter and deep grey matter therefore keep their size, and the cortex bears a little more than it does in
    people. E is the mean of the log-normal distribution, not cut; the ventricles that were drawn do not enter.
    """
    diagnosis = known["diagnosis"]
    healthy = np.full(diagnosis.shape, "CN")
    loss = _by(diagnosis, _WHOLE_BRAIN_OF_ICV) * known["intracranial_volume_ml"]
    growth = _expected_ventricles_ml(known, diagnosis) - _expected_ventricles_ml(known, healthy)
    return Gaussian(mean=_CORTEX_ML.mean(known) + loss + growth, sd=_CORTEX_ML.sd)


def wmh_volume(known: Known) -> Gaussian:
    """Log10 of the ml of white-matter hyperintensities: a placeholder, not a published model.

    0.35 + 0.024 (age − 60) + 0.05 for women, SD 0.40: an assumption of this project that follows what is reported in
    words (exponential growth with age, more in women, wide spread). It does not depend on the diagnosis.
    """
    mean = 0.35 + 0.024 * (known["age"] - 60) + 0.05 * (1 - _male(known))
    return Gaussian(mean=np.asarray(mean, dtype=np.float64), sd=0.40, log10=True)


def _log10_ventricles(known: Known, diagnosis: NDArray[Any]) -> NDArray[np.float64]:
    return _LATERAL_LOG10_MM3.mean(known) - _MM3_PER_ML_LOG10 + _by(diagnosis, _VENTRICLES_LOG10)


def _expected_ventricles_ml(known: Known, diagnosis: NDArray[Any]) -> NDArray[np.float64]:
    spread = math.exp((math.log(10) * _LATERAL_LOG10_MM3.sd) ** 2 / 2)
    return np.asarray(np.power(10.0, _log10_ventricles(known, diagnosis)) * spread, dtype=np.float64)


def _male(known: Known) -> NDArray[np.float64]:
    return _by(known["sex"], {"F": 0.0, "M": 1.0})


def _by(categories: NDArray[Any], figures: Mapping[str, float]) -> NDArray[np.float64]:
    """The figure of each row's category; NaN, which no check lets pass, for one that has none."""
    result = np.full(categories.shape, np.nan)
    for category, figure in figures.items():
        result[categories == category] = figure
    return result
