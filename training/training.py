"""Trains a model on a data set: autoencoder, latents, generator, measures, calibration, and the folder of it all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from ..errors import StoreExistsError
from ..generation.backends.diffusion.networks import new_network
from ..generation.streams import sample_seed, stream_key
from ..quality.reference import store_reference
from ..store import WorkFolder, differences, refuse_foreign, refuse_inside, write_atomic
from .architecture import check_shape
from .autoencoder import AutoencoderStage
from .card import model_card
from .checkpoints import Checkpoints
from .devices import accelerated
from .finishing import CARD_NAME, Finishing, write_card
from .generator import GeneratorStage
from .intensities import intensities_of
from .latents import encode_all, standardise
from .logs import StageLog
from .looks import draw_mosaic, draw_pairs, samples_of
from .plan import plain_plan
from .stage import run_stage
from .subjects import choose_subjects
from .trial import orders_like

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import torch

    from ..generation.backends.diffusion.model_card import ModelCard
    from ..store import Cohort
    from .finishing import Judged
    from .intensities import Intensities
    from .plan import TrainingPlan
    from .stage import Stage
    from .subjects import Subjects

    Tell = Callable[[str, int, int], None]

__all__ = ["REPORT_NAME", "Trained", "train_model"]

REPORT_NAME: Final = "training.json"
_LOOKS = {"autoencoder": 4, "generator": 4}
_LOOKED_AT = 8
_PACKAGES: Final = ("accelerate", "monai", "numpy", "torch")
_REPORT_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of a training.

    Attributes:
        folder: of the model.
        report: what stands in `training.json`: plan, data, versions, fidelity.
        finished_before: all of it was there.
    """

    folder: Path
    report: Mapping[str, Any]
    finished_before: bool = False


def train_model(
    cohort: Cohort, target: Path, plan: TrainingPlan, *, tensorboard: bool = False, tell: Tell | None = None
) -> Trained:
    """Trains a model; stopped at any time and called again, it goes on where it was.

    Args:
        cohort: the data set.
        target: folder of the model; must be new, or hold this training.
        plan: all that decides the weights.
        tensorboard: also log for TensorBoard.
        tell: told of what is done, how far and of how much.

    Raises:
        RecipeError: the plan does not fit the data.
        StoreExistsError: the folder holds something else, or another training.
    """
    refuse_foreign(target, CARD_NAME)
    if cohort.store.source.remote is False:
        refuse_inside(target, cohort.path)
    check_shape(cohort.specs["image"].shape, plan)
    subjects = choose_subjects(cohort, plan)
    order = {"training": _REPORT_FORMAT, "plan": plain_plan(plan), "data": store_reference(cohort).digest}
    if (target / CARD_NAME).exists():
        return _finished_before(target, order)
    with accelerated(plan) as accelerator:
        if not accelerator.is_main_process:
            return _Run(target, plan, subjects, accelerator, order, tensorboard=False, tell=None).train(cohort)
        with WorkFolder(target) as work:
            work.start(order)
            trained = _Run(target, plan, subjects, accelerator, order, tensorboard=tensorboard, tell=tell).train(cohort)
            work.clear(last=CARD_NAME)
            return trained


class _Run:
    """One training; see `train_model`."""

    def __init__(
        self,
        target: Path,
        plan: TrainingPlan,
        subjects: Subjects,
        accelerator: Any,
        order: Mapping[str, Any],
        *,
        tensorboard: bool,
        tell: Tell | None,
    ) -> None:
        self.target, self.work = target, WorkFolder(target).folder
        self.plan, self.subjects, self.order = plan, subjects, order
        self.accelerator, self.main = accelerator, accelerator.is_main_process
        self.tensorboard, self.tell = tensorboard, tell

    def train(self, cohort: Cohort) -> Trained:
        intensities = intensities_of(cohort, self.plan, self._teller("intensities"))
        card = model_card(self.plan, self.subjects, intensities)
        autoencoder = new_network(card.networks.autoencoder, self._seed("autoencoder"))
        first = AutoencoderStage(
            self.plan,
            autoencoder,
            train=self.subjects.train,
            held_out=self.subjects.held_out,
            intensities=intensities,
            accelerator=self.accelerator,
            look=self._look_at_pairs,
        )
        self._run(first)
        model = first.model.eval().requires_grad_(requires_grad=False)
        latents = self._by_main_first(
            lambda: encode_all(
                model,
                self.subjects.train,
                intensities,
                self.work / "latents",
                device=self.accelerator.device,
                tell=self._teller("latents"),
            )
        )
        standardise(autoencoder, latents.scale)
        unet = new_network(card.networks.unet, self._seed("unet"))
        second = GeneratorStage(
            self.plan,
            unet,
            latents=latents,
            vectors=self.subjects.train_vectors,
            accelerator=self.accelerator,
            look=lambda step, network: self._look_at_samples(step, network, autoencoder, card),
        )
        self._run(second)
        networks = {"autoencoder": autoencoder, "unet": second.average.module}
        return self._finish(networks, intensities)

    def _run(self, stage: Stage) -> None:
        log = StageLog(self.target / "logs", stage.name, tensorboard=self.tensorboard)
        kept = Checkpoints(self.work, stage.name)
        run_stage(stage, kept, log, looks=_LOOKS[stage.name], main=self.main, tell=self.tell)
        self.accelerator.wait_for_everyone()

    def _finish(self, networks: Mapping[str, Any], intensities: Intensities) -> Trained:
        report: dict[str, Any] = {}
        if self.main:
            finishing = Finishing(
                folder=self.target,
                plan=self.plan,
                subjects=self.subjects,
                intensities=intensities,
                device=self.accelerator.device.type,
                work=self.work,
                tell=self.tell,
            )
            judged = finishing.write_model(networks, self._facts())
            report = self._report(judged)
            _write_json(self.target / REPORT_NAME, report, self.work / "scratch")
            write_card(self.target / CARD_NAME, judged.card, self.work / "scratch")
        self.accelerator.wait_for_everyone()
        return Trained(folder=self.target, report=report)

    def _facts(self) -> dict[str, Any]:
        manifest = self.subjects.train.manifest
        return {
            "training_data": f"{manifest.name} {manifest.version} {manifest.digest}",
            "synthetic": manifest.synthetic,
            "subjects": len(self.subjects.train),
            "held_out": len(self.subjects.held_out),
            "voxpress": version("voxpress"),
            **{name: version(name) for name in _PACKAGES},
        }

    def _report(self, judged: Judged) -> dict[str, Any]:
        return {**self.order, "facts": self._facts(), **judged.to_plain()}

    def _look_at_pairs(self, step: int, real: torch.Tensor, made: torch.Tensor) -> None:
        # they may show people
        folder = self.target / "audit"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        spec, synthetic = self.subjects.image, self.subjects.train.manifest.synthetic
        draw_pairs(folder / f"autoencoder-{step:07}.png", real, made, spec.spacing_mm, synthetic=synthetic)

    def _look_at_samples(self, step: int, unet: Any, autoencoder: Any, card: ModelCard) -> dict[str, float]:
        orders = orders_like(self.subjects.held_out, card.conditions, _LOOKED_AT, sample_seed(self.plan.seed, 0, 0))
        images = samples_of(card, unet, autoencoder, orders, self.accelerator.device)
        titles = [f"sample {order.index + 1}" for order in orders]
        path = self.target / "logs" / f"generator-{step:07}.png"
        draw_mosaic(path, images, self.subjects.image.spacing_mm, titles)
        return {}

    def _by_main_first(self, work: Callable[[], Any]) -> Any:
        """What one process makes and all read."""
        with self.accelerator.main_process_first():
            return work()

    def _seed(self, name: str) -> int:
        return stream_key(self.plan.seed, f"weights/{name}", bits=64) >> 1

    def _teller(self, stage: str) -> Callable[[int, int], None] | None:
        tell = self.tell
        return None if tell is None else lambda done, total: tell(stage, done, total)


def _finished_before(target: Path, order: Mapping[str, Any]) -> Trained:
    report = json.loads((target / REPORT_NAME).read_bytes())
    there, wanted = {name: report.get(name) for name in order}, json.loads(json.dumps(order))
    if there != wanted:
        differing = "; ".join(differences(there, wanted))
        msg = f"{target} holds another finished model ({differing}); give another target"
        raise StoreExistsError(msg)
    return Trained(folder=target, report=report, finished_before=True)


def _write_json(path: Path, fields: Mapping[str, Any], scratch: Path) -> None:
    write_atomic(path, (json.dumps(fields, indent=2, sort_keys=True) + "\n").encode(), scratch=scratch)
