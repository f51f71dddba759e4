"""`voxpress info`: what a data set holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .columns import described, summary
from .console import aligned, printable, size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..store import Cohort

__all__ = ["run"]

_MOST_REJECTED = 10


def run(asked: argparse.Namespace) -> int:
    """Prints it for people or, with ``--json``, for programs."""
    from ..store import open as open_store

    cohort = open_store(asked.path)
    if asked.json:
        print(json.dumps(_facts(cohort), indent=1, ensure_ascii=False))
    else:
        print("\n".join(_lines(cohort)))
    return 0


def _facts(cohort: Cohort) -> dict[str, Any]:
    manifest = cohort.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "synthetic": manifest.synthetic,
        "path": str(cohort.path),
        "digest": manifest.digest,
        "recipe_sha256": manifest.recipe_sha256,
        "lock": {group: dict(values) for group, values in manifest.lock.items()},
        "samples": len(cohort),
        "splits": {name: manifest.splits[name].samples for name in manifest.split_names},
        "arrays": {
            name: {
                "kind": spec.kind,
                "dtype": spec.dtype,
                "shape": list(spec.shape),
                "spacing_mm": list(spec.spacing_mm),
                "affine": [list(row) for row in spec.affine],
                "scale": spec.scale,
                "offset": spec.offset,
                "unit": spec.unit,
                "labels": None if spec.labels is None else {str(value): text for value, text in spec.labels.items()},
            }
            for name, spec in cohort.specs.items()
        },
        "conditions": {name: summary(values) for name, values in _conditions(cohort).items()},
        "measured": {name: summary(values) for name, values in _measures(cohort).items()},
        "quality": _quality(cohort),
        "rejected": [{"sample_id": each.sample_id, "reasons": _reasons(each.attempts)} for each in manifest.rejected],
        "files": len(manifest.files),
        "bytes": sum(file.bytes for file in manifest.files.values()),
    }


def _lines(cohort: Cohort) -> list[str]:
    facts = _facts(cohort)
    backend = ", ".join(sorted(set(cohort.table["backend"].to_pylist()))) or "unknown"
    splits = ", ".join(f"{name} {count:,}" for name, count in facts["splits"].items())
    head: list[Sequence[object]] = [
        ("folder", f"{facts['path']} ({size(facts['bytes'])} in {facts['files']:,} files)"),
        ("digest", facts["digest"]),
        ("backend", backend),
        ("samples", f"{facts['samples']:,}: {splits}"),
        ("quality", printable(facts["quality"]["sentence"])),
        *((name, _array(array)) for name, array in facts["arrays"].items()),
        *(("labels", _labels(array["labels"])) for array in facts["arrays"].values() if array["labels"]),
    ]
    kind = "synthetic data" if facts["synthetic"] else "scans of real people"
    title = f"{facts['name']} {facts['version']}: {kind}, not for clinical use"
    return [printable(title), *aligned(head), *_rejected(facts["rejected"]), "", *_columns(cohort)]


def _quality(cohort: Cohort) -> dict[str, str]:
    """What its quality report says, if that holds."""
    from ..quality.gate import check_report

    standing = check_report(cohort.path, cohort.manifest)
    return {
        "verdict": standing.verdict.value,
        "report": standing.state.value,
        "profile": standing.profile,
        "sentence": standing.sentence,
    }


def _array(array: dict[str, Any]) -> str:
    voxels, spacing = ("×".join(f"{each:g}" for each in array[key]) for key in ("shape", "spacing_mm"))
    values = f", value = stored × {array['scale']:.6g} + {array['offset']:g} {array['unit']}".rstrip()
    return f"{array['dtype']}, {voxels} voxels of {spacing} mm{values if array['kind'] == 'image' else ''}"


def _labels(labels: dict[str, str]) -> str:
    return ", ".join(f"{value} {name}" for value, name in labels.items())


def _rejected(rejected: Sequence[dict[str, Any]]) -> list[str]:
    """Planned samples that are not there: never silent."""
    if not rejected:
        return ["rejected none"]
    lines = [f"rejected {len(rejected):,}: planned, but no attempt passed the checks"]
    lines += [f"  {each['sample_id']}: {', '.join(each['reasons'])}" for each in rejected[:_MOST_REJECTED]]
    if len(rejected) > _MOST_REJECTED:
        lines.append(f"  and {len(rejected) - _MOST_REJECTED:,} more (all with --json)")
    return [printable(line) for line in lines]


def _reasons(attempts: Sequence[Any]) -> list[str]:
    return sorted({reason for attempt in attempts for reason in attempt.reasons})


def _columns(cohort: Cohort) -> list[str]:
    conditions, measures = _conditions(cohort), _measures(cohort)
    rows: list[Sequence[object]] = [("condition", "ordered", "measured")]
    for name in dict.fromkeys([*conditions, *measures]):
        parts = [described(columns[name]) if name in columns else "" for columns in (conditions, measures)]
        rows.append((name, *parts))
    return aligned(rows)


def _conditions(cohort: Cohort) -> dict[str, list[Any]]:
    return {name: cohort.table[name].to_pylist() for name in cohort.conditions}


def _measures(cohort: Cohort) -> dict[str, list[Any]]:
    from ..store.rows import MEASURED

    return {name.removeprefix(MEASURED): cohort.table[name].to_pylist() for name in cohort.measures}
