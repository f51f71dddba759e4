"""`voxpress.train`: a data set, or a folder of NIfTI files with a table, becomes a model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RecipeError
from ..store.layout import MANIFEST_NAME

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from ..store import Cohort
    from .experiments import Result
    from .training import Trained

    AnyPath = str | os.PathLike[str]

__all__ = ["data_folder", "open_data", "sweep", "train"]


def train(
    source: AnyPath,
    output: AnyPath,
    *,
    table: AnyPath | None = None,
    grid: str = "",
    key: str = "",
    conditions: Sequence[str] | None = None,
    preset: str = "auto",
    plan: AnyPath | None = None,
    sets: Sequence[str] = (),
    name: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    licence: str | None = None,
    tensorboard: bool = False,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Trained:
    """Trains a model that makes volumes like those of a data set, as conditions say.

    Stopped at any time and called again, it goes on. The result is a folder that the backend `trained` takes as
    ``weights``.

    Args:
        source: a voxpress data set (folder, URL or ``org/name``), or a folder of NIfTI files, which are imported into
            a folder beside the output first.
        output: folder of the model.
        table: CSV, TSV or Parquet with one row a NIfTI file, as for `voxpress.import_volumes`.
        grid: that NIfTI files are brought to, as for `voxpress.import_volumes`.
        key: column of the table that names the files, as for `voxpress.import_volumes`.
        conditions: columns that the model is given; None for all that vary.
        preset: of networks and steps, a name of `presets.PRESETS`; `auto` chooses by the size of the volumes.
        plan: YAML file that changes fields of it, see docs/training.md.
        sets: further changes, ``generator.steps=2000``.
        name: of the model; by default that of the output's folder.
        seed: of all randomness.
        device: `auto`, `cpu` or `cuda`.
        licence: of the weights, an SPDX identifier; it may be used commercially only where the plan says so.
        tensorboard: also log for TensorBoard.
        workers: processes of the import.
        progress: told of what is done, how far and of how much.

    Raises:
        RecipeError: the plan or the table does not fit the data.
        StoreExistsError: the output holds something else.
        StoreNotFoundError: there is nothing at the source.
    """
    from .plan import parse_plan
    from .training import train_model

    target = Path(output)
    cohort = open_data(source, target, table=table, grid=grid, key=key, workers=workers, progress=progress)
    chosen = parse_plan(
        cohort.specs["image"].shape,
        preset=preset,
        file=None if plan is None else Path(plan),
        sets=[*sets, *([f"licence.name={licence.lower()}"] if licence else [])],
        given={
            "name": name,
            "conditions": None if conditions is None else list(conditions),
            "seed": seed,
            "device": device,
        },
        default_name=_model_name(target),
    )
    return train_model(cohort, target, chosen, tensorboard=tensorboard, tell=progress)


def sweep(
    source: AnyPath,
    output: AnyPath,
    search: AnyPath,
    *,
    table: AnyPath | None = None,
    grid: str = "",
    key: str = "",
    preset: str = "auto",
    address: str | None = None,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Result, ...]:
    """Trains many models and ranks them by what `train` measures of each.

    Args:
        source: as for `train`.
        output: folder of the sweep; models are below `experiments`, the ranking is in `sweep.csv`.
        search: YAML file that says what to try, see docs/training.md.
        table: as for `train`.
        grid: as for `train`.
        key: as for `train`.
        preset: as for `train`.
        address: of a Ray cluster whose nodes share the folders; None for this machine.
        workers: as for `train`.
        progress: as for `train`.

    Returns:
        the experiments, the best one first.

    Raises:
        RecipeError: the file or a plan cannot be; Ray is not installed.
        GenerationError: all experiments failed.
    """
    from .experiments import plans_of, run_experiments
    from .plan import read_plan_file
    from .search import experiments_of, parse_sweep

    target = Path(output)
    asked = parse_sweep(read_plan_file(Path(search)), str(search))
    experiments = experiments_of(asked)
    cohort = open_data(source, target, table=table, grid=grid, key=key, workers=workers, progress=progress)
    shape = cohort.specs["image"].shape
    plans = plans_of(experiments, asked, shape, preset=preset, name=_model_name(target))
    return run_experiments(cohort, target, experiments, plans, at_once=asked.at_once, address=address, tell=progress)


def open_data(
    source: AnyPath,
    target: Path,
    *,
    table: AnyPath | None,
    grid: str,
    key: str,
    workers: int | None,
    progress: Callable[[str, int, int], None] | None,
) -> Cohort:
    """The data set, imported first where it is a folder of NIfTI files.

    Raises:
        RecipeError: a table, a grid or a key is given for what is a data set already.
    """
    from .subjects import open_training

    folder = Path(source).expanduser()
    scans = folder.is_dir() and not (folder / MANIFEST_NAME).exists() and not (folder / "versions.json").exists()
    if not scans:
        if table is not None or grid or key:
            msg = f"--table, --grid and --key are for a folder of NIfTI files, and {source} is none; leave them out"
            raise RecipeError(msg)
        return open_training(source)
    from ..builder.importing import import_volumes

    place = data_folder(target)
    options: dict[str, Any] = {"grid": grid, "key": key}
    import_volumes(
        folder, place, synthetic=False, table=table, skip_unmatched=True, workers=workers, progress=progress, **options
    )
    return open_training(place)


def data_folder(target: Path) -> Path:
    """Where scans are imported to: beside the model, never in it, since a model may be published."""
    return target.with_name(f"{target.name}-data")


def _model_name(target: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", target.resolve().name.lower()).strip("-")[:64]
    return name or "model"
