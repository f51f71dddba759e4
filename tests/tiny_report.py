"""A quality report of a small store, measured and judged as one of a large store is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voxpress import store
from voxpress.quality.gate import judge_store
from voxpress.quality.parts import Part, write_part
from voxpress.quality.scores import Score, not_run

if TYPE_CHECKING:
    from pathlib import Path

    from voxpress.quality.gate import Standing

__all__ = ["FIGURES", "HOSTILE", "report"]

HOSTILE = "<script>alert(1)</script> </style> [x](javascript:y) & \"'`|"
"""What no page and no card may take for markup."""

FIGURES: dict[str, Any] = {
    "set_ratios": {
        "kind": "bars",
        "title": "Distances, as multiples of their floors",
        "labels": ["kid.random_conv", "frechet.random_conv"],
        "series": {"times floor": [1.2, 3.4]},
        "x_label": "times floor",
    },
    "spectrum": {
        "kind": "curve",
        "title": "Power spectrum",
        "x_label": "cycles per mm",
        "y_label": "power, dB",
        "x": [0.01, 0.1, 0.2, 0.3],
        "series": {"synthetic": [60, 40, 22, 9], "reference": [61, 41, 24, 15]},
    },
    "ventricles": {
        "kind": "histogram",
        "title": "Volume of the ventricles",
        "x_label": "ml",
        "edges": [0, 20, 40, 60, 80],
        "series": {"synthetic": [0.2, 0.5, 0.2, 0.1], "reference": [0.3, 0.4, 0.2, 0.1]},
        "limits": {"limit": 70},
    },
    "unknown": {"kind": "hologram", "numbers": [1, 2]},
}


def report(root: Path, profile: str = "demo", *, hostile: bool = False) -> Standing:
    """Writes parts and report of a store, with scores of each verdict and checks that did not run."""
    cohort = store.open(root)
    n = {"synthetic": 12, "reference": 12}
    scores = (
        Score(
            id="set.kid.random_conv",
            value=0.012,
            interval=(0.008, 0.016),
            floor=0.004,
            floor_interval=(0.001, 0.007),
            n=n,
            feature_id=HOSTILE if hostile else "random_conv-1-seed-0-3mm",
        ),
        Score(id="set.duplicates_exact", value=0.0, n=n),
        Score(id="set.duplicates_near", value=0.2, interval=(0.1, 0.4), n=n),
        not_run("set.ms_ssim_difference", HOSTILE if hostile else "no reference was given; name one with --reference"),
    )
    tables = {"farthest": {"columns": ["sample", "distance"], "rows": [[HOSTILE if hostile else "tiny-000001", 3.5]]}}
    figures = {HOSTILE: FIGURES["set_ratios"] | {"title": HOSTILE}} if hostile else FIGURES
    write_part(
        cohort.path,
        Part(name="set", manifest_sha256=cohort.manifest.digest, scores=scores, tables=tables, figures=figures),
    )
    return judge_store(cohort, profile)
