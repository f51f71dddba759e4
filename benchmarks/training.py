"""Trains a model on a cohort of the atlas on the CPU, and asks: does it obey, and does it copy?

python benchmarks/training.py [--data DIR] [--threads 2] [--side 32] [--write]

The cohort is made first, and kept in --data; that is not part of the time. A second model is trained on 20 of the
subjects for long, so that it learns them by heart, and must be caught. What was found of each model is kept there too:
delete `model.json` or `by_heart.json` to train it anew.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from report import machine, table, write_section

import voxpress
from voxpress.training.plan import parse_plan
from voxpress.training.training import train_model

if TYPE_CHECKING:
    from voxpress.store import Cohort

DOCUMENT = Path(__file__).parent.parent / "docs" / "training.md"
SECTION = "training"
CONDITIONS = ("sex", "age", "ventricular_volume_ml", "intracranial_volume_ml")
FIELD_MM = 192
MADE = 100
LEARNED_BY_HEART = 20
JUDGED = "judged=128"
"""Twice the usual number: with 64 samples, r = 0.95 is uncertain by 0.012."""
BY_HEART = (
    "autoencoder.steps=3000",
    "autoencoder.kl_weight=1e-6",
    "generator.steps=2000",
    "generator.ema=0.99",
    "generator.guidance=0",
)


def cohort_of(folder: Path, side: int, subjects: int) -> Cohort:
    """The training data."""
    recipe = {
        "name": f"brains{side}",
        "samples": subjects,
        "seed": 7,
        "backend": {"name": "atlas"},
        "image": {"shape": [side] * 3, "spacing_mm": [FIELD_MM / side] * 3, "dtype": "uint8"},
        "conditions": {
            "sex": {"choice": {"F": 0.5, "M": 0.5}},
            "age": {"range": [50, 90]},
            "ventricular_volume_ml": {"range": [10, 80]},
            "intracranial_volume_ml": {"range": [1150, 1680]},
        },
        "splits": {"train": 0.8, "test": 0.2},
        "shards": {"samples": 64},
    }
    return voxpress.generate(recipe, folder)


def trained(cohort: Cohort, folder: Path, sets: tuple[str, ...], threads: int) -> tuple[dict[str, Any], float]:
    """A model from the beginning: its report, and the seconds from the first to the last of it."""
    import torch

    torch.set_num_threads(threads)
    shutil.rmtree(folder, ignore_errors=True)
    plan = parse_plan(
        cohort.specs["image"].shape,
        sets=sets,
        given={"conditions": list(CONDITIONS), "device": "cpu"},
        default_name=folder.name,
    )
    begun = time.perf_counter()
    done = train_model(cohort, folder, plan, tell=progress())
    return dict(done.report), time.perf_counter() - begun


def made_by(model: Path, folder: Path, side: int) -> Cohort:
    """A data set of the model, with conditions drawn as in training."""
    shutil.rmtree(folder, ignore_errors=True)
    recipe = {
        "name": "made",
        "samples": MADE,
        "seed": 11,
        "backend": {"name": "trained", "weights": str(model)},
        "image": {"shape": [side] * 3, "spacing_mm": [FIELD_MM / side] * 3, "dtype": "uint8"},
        "splits": {"train": 1},
        "shards": {"samples": 50},
    }
    return voxpress.generate(recipe, folder)


def audited(made: Cohort, model: Path) -> dict[str, float | None]:
    """Scores of the memorisation audit against the model's own training set."""
    done = voxpress.audit(made.path, train=model)
    return {score.id: score.value for score in done.audit.scores}


def progress() -> Any:
    """Tells a new stage once."""
    seen: set[str] = set()

    def tell(stage: str, done: int, total: int) -> None:
        if stage not in seen:
            print(f"{time.strftime('%H:%M:%S')} {stage} {done}/{total}", flush=True)
            seen.add(stage)

    return tell


def words(found: dict[str, Any], arguments: argparse.Namespace) -> str:
    """The section of the document."""
    model, report = found["model"], found["model"]["report"]
    plan = report["plan"]
    measures = {measure["name"]: measure for measure in report["measures"]}
    fidelity = [
        [
            f"`{name}`",
            f"{report['uncalibrated'][name]['r']:.3f}",
            f"{report['uncalibrated'][name]['slope']:.2f}",
            f"{each['r']:.3f}",
            f"{each['slope']:.2f}",
            f"{each['mae']:.3g}",
            f"{measures[name]['r']:.3f}",
        ]
        for name, each in report["fidelity"].items()
    ]
    scores = [
        [f"`{score['id']}`", f"{score['value']:.3g}", "" if score["floor"] is None else f"{score['floor']:.3g}"]
        for score in report["scores"]
    ]
    names = ("audit.copy_excess", "audit.positive_control", "audit.suspects", "audit.confirmed_share")
    both = [name for name in (*names, *sorted(model["audit"])) if name in model["audit"]]
    audits = [
        [f"`{name}`", *(shown(found[each]["audit"].get(name)) for each in ("model", "by_heart"))]
        for name in dict.fromkeys(both)
    ]
    facts, heart = report["facts"], found["by_heart"]["report"]["plan"]
    return (
        f"{machine()}, {arguments.threads} threads. {facts['subjects']} subjects of the atlas at {arguments.side}³ "
        f"({FIELD_MM / arguments.side:g} mm), {facts['held_out']} held out; preset `small`: "
        f"{plan['autoencoder']['steps']} steps of the autoencoder, {plan['generator']['steps']} of the generator. "
        f"**{model['seconds'] / 60:.1f} minutes** from the first step to the finished folder, with measures, "
        f"calibration, judgement and what the audit needs.\n\n"
        f"Ordered against measured, {report['plan']['judged']} samples with conditions of held-out subjects; the last "
        "column is the measure's own correlation with the truth in held-out brains, which no model can be seen to "
        "exceed by much:\n\n"
        + table(
            ["condition", "r before calibration", "slope", "r, calibrated", "slope", "mean error", "r of the measure"],
            fidelity,
        )
        + "\n\nAs a set, beside held-out brains (floor: two halves of these):\n\n"
        + table(["score", "value", "floor"], scores)
        + f"\n\nAudit of {MADE} samples of each model against its own training set. The second model learned "
        f"{found['by_heart']['report']['facts']['subjects']} subjects by heart, in {heart['autoencoder']['steps']} and "
        f"{heart['generator']['steps']} steps:\n\n" + table(["score", "trained as usual", "learned by heart"], audits)
    )


def shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("/tmp/voxpress-training"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--subjects", type=int, default=1280)
    parser.add_argument("--set", action="append", default=[], dest="sets", help="of the plan, for tries")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/training.md")
    arguments = parser.parse_args()
    cohort = cohort_of(
        arguments.data / f"brains-{arguments.side}-{arguments.subjects}", arguments.side, arguments.subjects
    )
    of_train = np.flatnonzero(cohort.locations.split == cohort.locations.splits.index("train"))
    few = cohort.select(np.concatenate([of_train[:LEARNED_BY_HEART], np.setdiff1d(np.arange(len(cohort)), of_train)]))
    found: dict[str, Any] = {}
    for name, subjects, sets in (("model", cohort, (JUDGED,)), ("by_heart", few, BY_HEART)):
        kept = arguments.data / f"{name}.json"
        if not kept.exists():
            model = arguments.data / name.replace("_", "-")
            report, seconds = trained(subjects, model, (*sets, *arguments.sets), arguments.threads)
            print({each: one["r"] for each, one in report["fidelity"].items()}, f"{seconds:.0f} s", flush=True)
            made = made_by(model, arguments.data / f"{name}-made", arguments.side)
            kept.write_text(json.dumps({"report": report, "seconds": seconds, "audit": audited(made, model)}))
        found[name] = json.loads(kept.read_text())
        print(found[name]["audit"], flush=True)
    text = words(found, arguments)
    print(text)
    if arguments.write:
        write_section(DOCUMENT, SECTION, text)


if __name__ == "__main__":
    main()
