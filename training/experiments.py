"""Runs the experiments of a sweep, each a training of its own, over the machine or a Ray cluster by Ray Tune."""

from __future__ import annotations

import csv
import io
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import GenerationError, RecipeError
from ..store import write_atomic
from .finishing import CARD_NAME
from .plan import merge, nested, parse_plan, plain_plan, validated
from .ranking import METRICS, figures_of, ranked
from .subjects import choose_subjects, open_training
from .training import REPORT_NAME, train_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..store import Cohort
    from .plan import TrainingPlan
    from .search import Experiment, Sweep

__all__ = ["RESULTS_NAME", "Result", "plans_of", "run_experiments"]

RESULTS_NAME: Final = "sweep.csv"
_FOLDER: Final = "experiments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One experiment that is done.

    Attributes:
        experiment: what it tried.
        folder: of its model.
        figures: metric → value.
        rank: mean of its ranks; the best of all in every metric would have 1.
        failed: why it has no model; empty if it has.
    """

    experiment: Experiment
    folder: Path
    figures: dict[str, float]
    rank: float | None
    failed: str = ""


def plans_of(
    experiments: Sequence[Experiment], sweep: Sweep, shape: Sequence[int], *, preset: str, name: str
) -> list[TrainingPlan]:
    """The plan of each experiment; all are checked before the first one begins.

    Raises:
        RecipeError: one of them cannot be.
    """
    plans = []
    for experiment in experiments:
        fields = plain_plan(parse_plan(shape, preset=preset, default_name=name))
        merge(fields, dict(sweep.plan))
        for path, value in experiment.changes.items():
            merge(fields, nested(path.split("."), value))
        plans.append(validated(fields, source=f"experiment {experiment.name}"))
    return plans


def run_experiments(
    cohort: Cohort,
    target: Path,
    experiments: Sequence[Experiment],
    plans: Sequence[TrainingPlan],
    *,
    at_once: int | None = None,
    address: str | None = None,
    tell: Callable[[str, int, int], None] | None = None,
) -> tuple[Result, ...]:
    """Trains all of them and ranks what came of it; those that are finished are not trained again.

    Args:
        cohort: the data set, in a folder that all nodes see by the same path.
        target: folder of the sweep, likewise.
        experiments: what to try.
        plans: of each of them.
        at_once: experiments at the same time; None for as many as there are CPUs or GPUs.
        address: of a Ray cluster; None for this machine alone.
        tell: told of experiments done and of all.

    Returns:
        the best one first.

    Raises:
        RecipeError: Ray is not installed, or a plan does not fit the data.
        GenerationError: all experiments failed.
    """
    for plan in plans:
        choose_subjects(cohort, plan)
    target.mkdir(parents=True, exist_ok=True)
    folders = [target / _FOLDER / experiment.name for experiment in experiments]
    missing = [number for number, folder in enumerate(folders) if not (folder / CARD_NAME).exists()]
    if tell:
        tell("experiments", len(folders) - len(missing), len(folders))
    failed: dict[int, str] = {}
    if missing:
        failed = _tuned(
            cohort, [(number, folders[number], plans[number]) for number in missing], at_once, address, target
        )
    results = _ranked(experiments, folders, failed)
    _write(target, results)
    if tell:
        tell("experiments", len(folders), len(folders))
    if all(result.failed for result in results):
        msg = f"all {len(results)} experiments failed; the first one: {results[0].failed}"
        raise GenerationError(msg)
    return results


def _tuned(
    cohort: Cohort,
    jobs: Sequence[tuple[int, Path, TrainingPlan]],
    at_once: int | None,
    address: str | None,
    target: Path,
) -> dict[int, str]:
    """Runs them under Ray Tune; number of a job → why it failed."""
    try:
        import ray
        from ray import tune
    except ImportError:
        msg = "a sweep needs Ray Tune: pip install 'voxpress[ray,train]'"
        raise RecipeError(msg) from None
    by_number = {number: (str(folder.resolve()), plan) for number, folder, plan in jobs}
    # the store that the cohort is of is opened again by each process
    source = str(cohort.path.resolve())

    def attempt(config: dict[str, Any]) -> None:
        folder, plan = by_number[config["experiment"]]
        train_model(open_training(source), Path(folder), plan)
        tune.report(figures_of(json.loads((Path(folder) / REPORT_NAME).read_bytes())))

    ours = not ray.is_initialized()
    if ours:
        options: dict[str, Any] = {"address": address} if address else {"include_dashboard": False}
        ray.init(logging_level=logging.ERROR, log_to_driver=False, **options)
    try:
        gpus = ray.cluster_resources().get("GPU", 0)
        needs = {"cpu": 1, "gpu": 1} if gpus else {"cpu": 1}
        tuner = tune.Tuner(
            tune.with_resources(attempt, needs),
            param_space={"experiment": tune.grid_search(sorted(by_number))},
            tune_config=tune.TuneConfig(max_concurrent_trials=at_once, metric="r", mode="max"),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str((target / ".ray").resolve()),
                verbose=0,
            ),
        )
        grid = tuner.fit()
        return {
            int(outcome.config["experiment"]): str(outcome.error).strip().splitlines()[-1]
            for outcome in grid
            if outcome.error is not None and outcome.config is not None
        }
    finally:
        if ours:
            ray.shutdown()


def _ranked(experiments: Sequence[Experiment], folders: Sequence[Path], failed: dict[int, str]) -> tuple[Result, ...]:
    figures = {
        experiment.name: figures_of(json.loads((folder / REPORT_NAME).read_bytes()))
        for experiment, folder in zip(experiments, folders, strict=True)
        if (folder / CARD_NAME).exists()
    }
    ranks = dict(ranked(figures))
    results = [
        Result(
            experiment=experiment,
            folder=folder,
            figures=figures.get(experiment.name, {}),
            rank=ranks.get(experiment.name),
            failed="" if experiment.name in ranks else failed.get(number, "it was not run to its end"),
        )
        for number, (experiment, folder) in enumerate(zip(experiments, folders, strict=True))
    ]
    return tuple(sorted(results, key=lambda result: float("inf") if result.rank is None else result.rank))


def _write(target: Path, results: Sequence[Result]) -> None:
    """`sweep.csv`, the best one first."""
    changed = list(results[0].experiment.changes)
    metrics = [metric for metric in METRICS if any(metric in result.figures for result in results)]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["experiment", "rank", *changed, *metrics, "failed"])
    for result in results:
        tried = [json.dumps(result.experiment.changes[name]) for name in changed]
        found = [f"{result.figures[metric]:.6g}" if metric in result.figures else "" for metric in metrics]
        rank = "" if result.rank is None else f"{result.rank:.3g}"
        writer.writerow([result.experiment.name, rank, *tried, *found, result.failed])
    write_atomic(target / RESULTS_NAME, text.getvalue().encode(), scratch=target / ".ray")
