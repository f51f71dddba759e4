"""The `conditions` part of the report, from the tables of a data set; no voxel is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...store.rows import MEASURED
from ..rejects import REJECTS_NAME, attempts_of
from ..scores import Score, not_run
from .categorical import categorical_scores
from .continuous import continuous_scores
from .covariates import Covariate, covariates_of, real_covariates
from .coverage import coverage_figure, coverage_score, extrapolation_score, joint_coverage_score
from .groups import groups_of
from .leakage import leakage_scores
from .proportions import proportion_interval
from .refusals import refusals_of
from .subgroups import bias_score, error_table, group_table, refusal_score, smallest_score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from ...store import Cohort
    from ..parts import Figures, Tables
    from .leakage import Intervention
    from .refusals import Refusals

__all__ = ["condition_scores", "table_scores"]


def condition_scores(
    cohort: Cohort,
    *,
    reference: pa.Table | None = None,
    units: Mapping[str, str] | None = None,
    pairs: Sequence[Intervention] | None = None,
    seed: int = 0,
) -> tuple[tuple[Score, ...], Tables, Figures]:
    """Measure how far a data set is what was ordered.

    Args:
        cohort: the whole data set, on this machine.
        reference: rows of real people: columns of the conditions, and `measured_…` by the same method where there are.
        units: condition → unit, as the backend declares it.
        pairs: of the intervention test.
        seed: of the bootstrap.

    Returns:
        scores, tables and figures for a `Part`.

    Raises:
        CorruptError: `quality/rejects.parquet` is damaged, or no record of refused attempts.
    """
    manifest = cohort.manifest
    names = ["sample_id", "attempt", *cohort.conditions, *cohort.measures]
    table = cohort.columns([name for name in names if name in cohort.store.schema.names])
    return table_scores(
        table,
        cohort.conditions,
        refusals=refusals_of(attempts_of(cohort), [hole.sample_id for hole in manifest.rejected], cohort.conditions),
        gone=len(manifest.rejected),
        reference=reference,
        units=units,
        pairs=pairs,
        seed=seed,
    )


def table_scores(
    table: pa.Table,
    conditions: Sequence[str],
    *,
    refusals: Refusals,
    gone: int,
    reference: pa.Table | None = None,
    units: Mapping[str, str] | None = None,
    pairs: Sequence[Intervention] | None = None,
    seed: int = 0,
) -> tuple[tuple[Score, ...], Tables, Figures]:
    """The same from tables alone. Pure.

    Args:
        table: one row a sample: `sample_id`, the conditions, and `measured_…` columns.
        conditions: names of those columns that were ordered.
        refusals: of attempts.
        gone: samples that were planned and are not there.
        reference: as for `condition_scores`.
        units: likewise.
        pairs: likewise.
        seed: of the bootstrap.
    """
    covariates = covariates_of(table, conditions, units)
    real = () if reference is None else real_covariates(covariates, reference, units)
    scores, tables, figures = _fidelity(covariates, {each.name: each for each in real}, seed)
    scores += _refused(refusals, table.num_rows, gone)
    if refusals.reasons:
        rows = [[code, count] for code, count in refusals.reasons.items()]
        tables["refused_by_reason"] = {"columns": ["reason", "attempts"], "rows": rows}
    holes = refusals.holes
    if gone and holes is None:
        scores += _unknown_holes(conditions, gone)
        planned, delivered, ids = covariates, np.ones(table.num_rows, bool), table["sample_id"].to_pylist()
    else:
        planned, delivered, ids = _planned(covariates, table, holes, units)
    groups = groups_of(planned)
    refused = refusals.counts(ids)
    if not gone or holes is not None:
        scores += [refusal_score(groups, delivered, refused), joint_coverage_score(groups, delivered)]
        scores += [coverage_score(covariate, delivered) for covariate in planned]
    scores += [bias_score(groups, planned), smallest_score(groups, delivered), extrapolation_score(covariates, real)]
    leaks, matrix = leakage_scores(pairs, _spreads(table))
    tables |= {"subgroups": group_table(groups, delivered, refused), "subgroup_errors": error_table(groups, planned)}
    if matrix is not None:
        tables["leakage"] = matrix
    figures |= {f"coverage_{each.name}": coverage_figure(each, delivered) for each in planned}
    return (*scores, *leaks), tables, figures


def _fidelity(
    covariates: Sequence[Covariate], real: Mapping[str, Covariate], seed: int
) -> tuple[list[Score], dict[str, Any], dict[str, Any]]:
    scores: list[Score] = []
    tables: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    for covariate in covariates:
        reference = real.get(covariate.name)
        if covariate.kind == "number":
            found, figure = continuous_scores(covariate, reference=reference, seed=seed)
            if figure is not None:
                figures[f"calibration_{covariate.name}"] = figure
        else:
            found, table = categorical_scores(covariate, reference=reference, seed=seed)
            if table is not None:
                tables[f"confusion_{covariate.name}"] = table
        scores += found
    return scores, tables, figures


def _refused(refusals: Refusals, there: int, gone: int) -> list[Score]:
    attempts = refusals.total + there
    planned = there + gone
    rates = {"conditions.reject_rate": (refusals.total, attempts), "conditions.shortfall": (gone, planned)}
    units = {"conditions.reject_rate": "attempts", "conditions.shortfall": "planned"}
    return [
        Score(
            id=score_id,
            value=hits / count,
            interval=proportion_interval(hits, count),
            n={"refused" if score_id.endswith("rate") else "missing": hits, units[score_id]: count},
        )
        if count
        else not_run(score_id, "nothing was ordered")
        for score_id, (hits, count) in rates.items()
    ]


def _unknown_holes(conditions: Sequence[str], gone: int) -> list[Score]:
    reason = (
        f"{gone} samples were planned and are not there, and no {REJECTS_NAME} says what was ordered of them; "
        "make the data set again, which writes it"
    )
    names = ["subgroup_reject_ratio", "coverage_joint", *(f"coverage.{name}" for name in conditions)]
    return [not_run(f"conditions.{name}", reason, n={"missing": gone}) for name in names]


def _planned(
    covariates: Sequence[Covariate], table: pa.Table, holes: pa.Table | None, units: Mapping[str, str] | None
) -> tuple[tuple[Covariate, ...], NDArray[np.bool_], list[str]]:
    """All that was planned, first what is there; which is there; the ids."""
    ids = table["sample_id"].to_pylist()
    if holes is None or not holes.num_rows:
        return tuple(covariates), np.ones(len(ids), bool), ids
    more = covariates_of(holes, [each.name for each in covariates], units)
    planned = tuple(_joined(first, second) for first, second in zip(covariates, more, strict=True))
    delivered = np.arange(len(ids) + holes.num_rows) < len(ids)
    return planned, delivered, [*ids, *holes["sample_id"].to_pylist()]


def _joined(there: Covariate, gone: Covariate) -> Covariate:
    measured = there.measured
    if measured is not None:
        nothing = np.full(len(gone.ordered), np.nan if there.kind == "number" else "")
        measured = np.concatenate([measured, nothing])
    ordered = np.concatenate([there.ordered, gone.ordered])
    return Covariate(name=there.name, kind=there.kind, unit=there.unit, ordered=ordered, measured=measured)


def _spreads(table: pa.Table) -> dict[str, float]:
    """Standard deviation of each measure over the data set."""
    import pyarrow as pa

    spreads = {}
    for name in table.column_names:
        if name.startswith(MEASURED) and pa.types.is_floating(table[name].type):
            values = table[name].to_numpy(zero_copy_only=False)
            values = values[np.isfinite(values)]
            spreads[name.removeprefix(MEASURED)] = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return spreads
