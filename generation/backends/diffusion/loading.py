"""From a plan to an engine that was tried: finds and checks weights, builds networks, makes them fast.

An engine is kept for the process, since a run asks for the backend more than once and the networks are large.
"""

from __future__ import annotations

import gc
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ....errors import GenerationError, RecipeError
from .device import device_fingerprint, find_device, out_of_memory, same_bits
from .engine import Engine, Networks
from .fast import make_fast
from .fast.decoding import needs_windows
from .labels.loading import load_label_parts
from .measurer import Measurer, pooled_shape
from .networks import build_network
from .self_test import TOLERANCE, compare_engines, is_slot_invariant, keep_apart
from .solvers import solver_of
from .sources import find_measures, find_weights
from .weights import check_digests, hash_weights, load_into, read_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from .labels import LabelMaker
    from .labels.loading import LabelParts
    from .model_card import ConditionCard
    from .plan import Plan
    from .solvers import Solver

__all__ = ["Loaded", "load_engine"]

_MOST_PAIRS_IN_WORDS = 64
_TEST_SIDE = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loaded:
    """An engine, the regression of the model's own measures and the maker of label maps if it has any, and the lock."""

    engine: Engine
    measurer: Measurer | None
    label_maker: LabelMaker | None = None
    fingerprint: Mapping[str, str]


_kept: dict[str, Loaded] = {}


def load_engine(plan: Plan) -> Loaded:
    """The engine of a plan; the same one for the same plan in this process, and only the last is kept.

    Raises:
        RecipeError: the weights are nowhere.
        GenerationError: they are not those of the model.
    """
    key = repr(plan)
    if key not in _kept:
        if _kept:
            _kept.clear()
            # recorded steps and their engine hold each other, and with that the device's memory
            gc.collect()
        _kept[key] = _load(plan)
    return _kept[key]


def _load(plan: Plan) -> Loaded:
    device = find_device(plan.device)
    paths = find_weights(plan.weights, plan.card, plan.label_networks)
    measures = find_measures(plan.weights, plan.card) if plan.card.measures else None
    digests = {name: hash_weights(path) for name, path in {**paths, **_named(measures)}.items()}
    for name, path in {**paths, **_named(measures)}.items():
        pinned = dict(plan.sha256).get(name)
        check_digests(path, digests[name], {"sha256": pinned} if pinned else _known_digests(plan, name))
    measurer = None if measures is None else _read_measurer(measures, plan)
    with same_bits(device, plan.threads), out_of_memory(device, plan.micro_batch):
        parts = _label_parts(plan, paths, device)
        engine, plan = _tried(plan, paths, device, parts)
    return Loaded(
        engine=engine,
        measurer=measurer,
        label_maker=parts.maker if parts else None,
        fingerprint={
            "model": plan.card.name,
            "model_card_sha256": plan.card.sha256,
            **{_digest_field(name): each.sha256 for name, each in digests.items()},
            "weights_licence": plan.card.licence.name,
            "weights_licence_link": plan.card.licence.link,
            "weights_commercial_use": "yes" if plan.card.licence.commercial else "no",
            "latent_scale_factor": repr(engine.networks.scale_factor),
            "solver": plan.preset,
            "solver_times": _times_in_words(engine.solver),
            "guidance": f"{plan.guidance:g}",
            "micro_batch": str(plan.micro_batch),
            "decode_batch": str(engine.decode_batch),
            "precision": plan.precision,
            "path": plan.path,
            **_of_training(plan),
            **_of_labels(plan, parts),
            **device_fingerprint(device, plan.threads),
        },
    )


def _named(measures: Path | None) -> dict[str, Path]:
    return {} if measures is None else {"measures": measures}


def _digest_field(name: str) -> str:
    return "measures_sha256" if name == "measures" else f"weights_{name}_sha256"


def _known_digests(plan: Plan, name: str) -> Mapping[Any, str]:
    if name == "measures":
        return {"sha256": plan.card.measures_sha256} if plan.card.measures_sha256 else {}
    return plan.networks[name].digests


def _label_parts(plan: Plan, paths: Mapping[str, Path], device: torch.device) -> LabelParts | None:
    if plan.labels is None:
        return None
    return load_label_parts(plan.labels, plan.card, plan.mask_preset, grid=plan.grid, paths=paths, device=device)


def _of_labels(plan: Plan, parts: LabelParts | None) -> dict[str, str]:
    """What the lock says where label maps are made, so that the locks of images alone stay what they were."""
    if plan.labels is None or parts is None:
        return {}
    return {
        "label_card_sha256": plan.labels.sha256,
        "mask_solver": plan.mask_preset,
        "mask_solver_times": _times_in_words(parts.maker.solver),
        "mask_latent_scale_factor": repr(parts.maker.scale_factor),
    }


def _of_training(plan: Plan) -> dict[str, str]:
    """What the lock says of a trained model only, so that the locks of others stay what they were."""
    told = {}
    if any(condition.calibration for condition in plan.card.conditions):
        told["calibrate"] = "yes" if plan.calibrate else "no"
    if isinstance(data := plan.card.training.get("training_data"), str):
        told["training_data"] = data
    return told


def _read_measurer(path: Path, plan: Plan) -> Measurer:
    tensors = read_checkpoint(path).tensors
    if tensors.keys() != {"weights", "bias", "mean"}:
        msg = f"{path} must hold weights, bias and mean, holds {', '.join(sorted(tensors)[:5])}; give the model's own"
        raise GenerationError(msg)
    try:
        return Measurer(
            names=tuple(measure.name for measure in plan.card.measures),
            **{name: tensor.numpy() for name, tensor in tensors.items()},
            pooled_shape=pooled_shape(plan.grid.shape),
            card=plan.card.image,
        )
    except ValueError as error:
        msg = f"the measures in {path} are not of this model: {error}; give the model's own"
        raise GenerationError(msg) from error


def _tried(
    plan: Plan, paths: Mapping[str, Path], device: torch.device, parts: LabelParts | None
) -> tuple[Engine, Plan]:
    """An engine that computes what the plain network does, and whose slots do not see each other; and its plan."""
    conditions = {card.name: _middle(card) for card in plan.card.conditions}
    engine = _engine(plan, paths, device, parts)
    if plan.path == "fast":
        if device.type == "cuda":
            keep_apart(engine, conditions)
        reference = _engine(replace(plan, path="plain", precision="fp32", micro_batch=1), paths, device, parts)
        found = compare_engines(_for_test(engine), _for_test(reference), conditions)
        del reference
        if not found.within(TOLERANCE[plan.precision]):
            _warn(
                f"the fast path of {plan.card.name!r} is off by {found.unet:.2g} (UNet) and {found.autoencoder:.2g} "
                f"(decoder) on {device}, more than {TOLERANCE[plan.precision]:g}: the plain float32 networks are used, "
                "which are slower; tell the authors of voxpress which device and torch these are"
            )
            plan = replace(plan, path="plain", precision="fp32")
            engine = _engine(plan, paths, device, parts)
    if not is_slot_invariant(_for_test(engine), conditions):
        _warn(
            f"on {device} a sample of {plan.card.name!r} depends on its neighbours in a batch of {plan.micro_batch}: "
            "samples are made one by one, which is slower"
        )
        plan = replace(plan, micro_batch=1)
        engine = _engine(plan, paths, device, parts)
    return engine, plan


def _engine(plan: Plan, paths: Mapping[str, Path], device: torch.device, parts: LabelParts | None) -> Engine:
    card = plan.card
    unet, autoencoder = build_network(card.networks.unet), build_network(card.networks.autoencoder)
    scale = card.latent.scale_factor
    if parts is not None:
        # labels tell what is background, so no floor has to
        card = card.model_copy(update={"image": card.image.model_copy(update={"floor": card.image.minimum})})
    for name, network in (("unet", unet), ("autoencoder", autoencoder)):
        checkpoint = read_checkpoint(paths[name])
        load_into(network, checkpoint, paths[name])
        if name == "unet" and scale is None:
            scale = checkpoint.scale_factor
    if scale is None:
        msg = (
            f"backend.weights: the UNet's file {paths['unet']} must hold a scale_factor for {card.name!r}, and has "
            "none; give the published file"
        )
        raise RecipeError(msg)
    if plan.path == "fast":
        make_fast(unet, autoencoder, precision=plan.precision, one_token=card.conditioning != "maisi")
    elif plan.precision == "bf16":
        msg = "backend.precision: the plain path is float32 only; say fp32, or path: fast"
        raise RecipeError(msg)
    sides = [side // card.latent.factor for side in plan.grid.shape]
    return Engine(
        card,
        Networks(
            unet=unet.to(device),
            autoencoder=autoencoder.to(device),
            scale_factor=scale,
            controlnet=parts.controlnet if parts else None,
        ),
        solver=solver_of(plan.preset, card.schedule, sides[0] * sides[1] * sides[2]),
        grid=plan.grid,
        micro_batch=plan.micro_batch,
        guidance=plan.guidance,
        device=device,
        calibrate=plan.calibrate,
    )


def _for_test(engine: Engine) -> Engine:
    """The engine itself on CUDA, where only the real shape shows what is wrong; on the CPU a small one."""
    windows = needs_windows(engine.card.decoding, engine.sides)
    if engine.device.type == "cuda" and not windows:
        return engine
    # every side is halved at each level below the first; two points are left at the last
    side = max(_TEST_SIDE, 2 ** len(engine.card.networks.unet.arguments["attention_levels"]))
    shape = tuple(min(side, own) * engine.card.latent.factor for own in engine.sides)
    return Engine(
        engine.card,
        engine.networks,
        solver=engine.solver,
        grid=replace(engine.grid, shape=shape),
        micro_batch=engine.micro_batch,
        guidance=engine.guidance,
        device=engine.device,
        calibrate=engine.calibrate,
    )


def _middle(card: ConditionCard) -> float | str:
    if card.kind == "category":
        return next(iter(card.choices))
    assert card.low is not None
    assert card.high is not None
    return (card.low + card.high) / 2


def _times_in_words(solver: Solver) -> str:
    pairs = [f"{t:.6g}>{after:.6g}" for t, after in solver.pairs]
    if len(pairs) > _MOST_PAIRS_IN_WORDS:
        return f"{pairs[0]} {pairs[1]} … {pairs[-1]} ({len(pairs)} steps)"
    return " ".join(pairs)


def _warn(said: str) -> None:
    warnings.warn(said, RuntimeWarning, stacklevel=2)
