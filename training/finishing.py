"""After the two stages: the model folder, calibrated by what the model makes, and judged by what it makes then."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import QualityError
from ..generation.backend import Grid
from ..generation.backends.diffusion.sources import MEASURES_FILE
from ..generation.streams import stream_key
from ..quality.audit.keeping import ScanSource, keep_for_audit
from ..quality.reference import store_reference
from ..store import hash_file, write_atomic
from ..store.threads import available_cpus
from .autoencoder import Reconstruction
from .by_design import findings_by_design
from .calibration import calibration_curve
from .card import model_card, with_calibration, with_digests
from .image_scores import image_extractors, image_scores
from .looks import draw_mosaic
from .measures import fit_measurer, numbers_of, pooled_rows
from .trial import fidelity_of, orders_like, run_trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ..generation.backends.diffusion import TrainedBackend
    from ..generation.backends.diffusion.model_card import ModelCard
    from ..quality.features import FeatureExtractor
    from ..store import Cohort
    from .intensities import Intensities
    from .measures import Fitted
    from .plan import TrainingPlan
    from .subjects import Subjects
    from .trial import Fidelity, Trial

    Tell = Callable[[str, int, int], None]

__all__ = ["CARD_NAME", "Finishing", "Judged", "write_card"]

CARD_NAME: Final = "model.json"
_MOST_FITTED = 1000
"""Volumes that a measure is fitted to: a regression on 32³ voxels holds each twice in memory, 0.5 GB in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A finished model.

    Attributes:
        card: as written.
        fidelity: condition → ordered against measured, of samples with conditions of held-out subjects.
        uncalibrated: the same of samples with conditions of training subjects, before there was a curve.
        left_out: condition → why it is not measured.
        scores: of those samples as a set, each beside its floor.
        not_audited: why the training set was not kept for the audit; empty if it was.
    """

    card: ModelCard
    fidelity: Mapping[str, Fidelity]
    uncalibrated: Mapping[str, Fidelity]
    left_out: Mapping[str, str]
    scores: Sequence[Mapping[str, Any]]
    not_audited: str

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "fidelity": {name: asdict(found) for name, found in self.fidelity.items()},
            "uncalibrated": {name: asdict(found) for name, found in self.uncalibrated.items()},
            "measures": [
                measure.model_dump(mode="json") | {"range": _range(self.card, measure.name)}
                for measure in self.card.measures
            ],
            "not_measured": dict(self.left_out),
            "scores": list(self.scores),
            "not_audited": self.not_audited,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
    """What is done with two trained networks.

    Attributes:
        folder: of the model.
        plan: of the training.
        subjects: trained on, and held out.
        intensities: scaling.
        device: for the samples.
        work: folder for what is computed on the way.
        tell: told of what is done, how far and of how much.
    """

    folder: Path
    plan: TrainingPlan
    subjects: Subjects
    intensities: Intensities
    device: str
    work: Path
    tell: Tell | None = None

    def write_model(self, networks: Mapping[str, Any], facts: Mapping[str, Any]) -> Judged:
        """Writes all of a model but its card, which the caller writes last.

        Args:
            networks: `autoencoder` (standardised) and `unet` (averaged).
            facts: of the training, for the card.
        """
        fitted = self._fitted(networks["autoencoder"])
        card = model_card(self.plan, self.subjects, self.intensities, measures=fitted.cards, facts=facts)
        card = with_digests(card, self._write_weights(card, networks, fitted))
        card = card.model_copy(update={"findings_by_design": findings_by_design(self.subjects.held_out)})
        if fitted.measurer is not None:
            card = card.model_copy(update={"measures_sha256": hash_file(self.folder / MEASURES_FILE).sha256})
        names = [measure.name for measure in card.measures]
        uncalibrated: dict[str, Fidelity] = {}
        if names:
            trial = self._trial(card, self.subjects.train, "calibration")
            curves = {name: calibration_curve(trial.asked(name), trial.measured[name]) for name in names}
            card, uncalibrated = with_calibration(card, curves), fidelity_of(trial, names)
        trial = self._trial(card, self.subjects.held_out, "judged", image_extractors())
        _draw(self.folder, trial, card)
        held_out = self._teller("held-out volumes")
        return Judged(
            card=card,
            fidelity=fidelity_of(trial, names),
            uncalibrated=uncalibrated,
            left_out=fitted.left_out,
            scores=image_scores(trial, self.subjects.held_out, seed=self.plan.seed, tell=held_out),
            not_audited=self._keep_for_audit(),
        )

    def _fitted(self, autoencoder: Any) -> Fitted:
        """Measures of all numbers, fitted to training subjects and tried on the others."""
        tell = self._teller("measures")
        numbers = [card for card in self.subjects.cards if card.kind == "number"]
        train, image = self.subjects.train, self.intensities.card()
        if len(train) > _MOST_FITTED:
            generator = np.random.default_rng(stream_key(self.plan.seed, "measures"))
            train = train.select(np.sort(generator.permutation(len(train))[:_MOST_FITTED]))
        model = Reconstruction(autoencoder, self.plan.autoencoder.packing).eval()
        held_out = self.subjects.held_out
        rows = []
        for done, (cohort, through) in enumerate(((train, None), (train, model), (held_out, None))):
            if tell:
                tell(done, 3)
            rows.append(pooled_rows(cohort, self.intensities, image, through))
        values, apart = ([numbers_of(cohort, card) for card in numbers] for cohort in (train, held_out))
        twice = (np.concatenate(rows[:2]), [np.concatenate((own, own)) for own in values])
        fitted = fit_measurer(twice, (rows[2], apart), numbers, self.subjects.image.shape, image)
        if tell:
            tell(3, 3)
        return fitted

    def _write_weights(self, card: ModelCard, networks: Mapping[str, Any], fitted: Fitted) -> dict[str, str]:
        """Gives the SHA-256 of each network's file."""
        from safetensors.numpy import save_file as save_arrays
        from safetensors.torch import save_file

        digests = {}
        for name, network in networks.items():
            path = self.folder / getattr(card.networks, name).files[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file({key: each.detach().cpu().contiguous() for key, each in network.state_dict().items()}, path)
            digests[name] = hash_file(path).sha256
        if fitted.measurer is not None:
            own = fitted.measurer
            save_arrays({"weights": own.weights, "bias": own.bias, "mean": own.mean}, self.folder / MEASURES_FILE)
        return digests

    def _trial(self, card: ModelCard, cohort: Cohort, name: str, extractors: Sequence[FeatureExtractor] = ()) -> Trial:
        """Samples with the conditions of rows of a cohort."""
        path = self.folder / f"{name}.json"
        write_card(path, card, self.work / "scratch")
        orders = orders_like(cohort, card.conditions, self.plan.judged, stream_key(self.plan.seed, name, bits=64) >> 1)
        try:
            backend = _backend(path, card, self.device)
            return run_trial(backend, orders, extractors=extractors, tell=self._teller(f"samples: {name}"))
        finally:
            path.unlink()

    def _keep_for_audit(self) -> str:
        """Keeps what an audit needs of both sets; why it cannot be audited, or nothing."""
        train, held_out = self.subjects.train, self.subjects.held_out
        source = None if train.store.source.remote else ScanSource(path=train.path)
        try:
            keep_for_audit(
                self.folder,
                store_reference(train),
                store_reference(held_out),
                train_source=source,
                holdout_source=source,
                seed=self.plan.seed,
                cache=self.work / "audit",
                workers=available_cpus(),
                tell=self.tell,
            )
        except QualityError as error:
            return str(error)
        return ""

    def _teller(self, stage: str) -> Callable[[int, int], None] | None:
        tell = self.tell
        return None if tell is None else lambda done, total: tell(stage, done, total)


def write_card(path: Path, card: ModelCard, scratch: Path) -> None:
    """Writes a card as JSON."""
    fields = card.model_dump(mode="json", exclude={"sha256"})
    write_atomic(path, (json.dumps(fields, indent=2) + "\n").encode(), scratch=scratch)


def _range(card: ModelCard, name: str) -> float:
    condition = next(each for each in card.conditions if each.name == name)
    assert condition.low is not None
    assert condition.high is not None
    return condition.high - condition.low


def _backend(path: Path, card: ModelCard, device: str) -> TrainedBackend:
    import torch

    from ..generation.backends.diffusion import TrainedBackend

    assert card.grid.spacing_mm is not None
    grid = Grid(shape=card.grid.shapes[0], spacing_mm=card.grid.spacing_mm)
    # as many threads as the training has: where other processes have the other cores, more would wait for each other
    options = {"weights": str(path.parent), "model": str(path), "device": device, "threads": torch.get_num_threads()}
    return TrainedBackend(options, grid)


def _draw(folder: Path, trial: Trial, card: ModelCard) -> None:
    assert card.grid.spacing_mm is not None
    titles = [
        ", ".join(
            f"{name} {value if isinstance(value, str) else f'{value:.4g}'}" for name, value in order.conditions.items()
        )
        for order in trial.orders[: len(trial.images)]
    ]
    draw_mosaic(folder / "samples.png", trial.images, card.grid.spacing_mm, titles)
