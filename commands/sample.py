"""`voxpress sample`: one sample of a recipe alone, for a look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..quality import MEANINGS
from .console import MistakeError, aligned, note, number
from .ordering import ordered, preparing
from .picture import check_folder, png_path, write_png

if TYPE_CHECKING:
    import argparse

    from ..press import Proof

__all__ = ["run"]

_NIFTI = (".nii", ".nii.gz")


def run(asked: argparse.Namespace) -> int:
    """Makes the sample, writes it, and says what was ordered and what came out."""
    from .. import press

    nifti = asked.output.endswith(_NIFTI)
    path = Path(asked.output) if nifti else _picture_path(asked.output)
    check_folder(path)
    recipe, folder = ordered(asked)
    if not 0 <= asked.index < recipe.samples:
        msg = f"--index must be from 0 to {recipe.samples - 1}, the rows of the cohort, got {asked.index}"
        raise MistakeError(msg)
    if asked.attempt < 0:
        msg = f"--attempt must be 0 or more, got {asked.attempt}"
        raise MistakeError(msg)
    note(preparing(recipe))
    proof = press.sample(recipe, asked.index, asked.attempt, people_folder=folder)
    written = _write_nifti(proof, path) if nifti else _write_picture(proof, path)
    print("\n".join([proof.sample_id, *_facts(proof), *(f"wrote {file}" for file in written)]))
    for doubt in _doubts(proof):
        note(doubt)
    return 0


def _picture_path(output: str) -> Path:
    if not output.lower().endswith(".png"):
        msg = f"--output must end in .png, .nii or .nii.gz, got {output}"
        raise MistakeError(msg)
    return png_path(output)


def _doubts(proof: Proof) -> list[str]:
    """Why a data set would hold a later attempt."""
    return [
        f"a data set would not hold this attempt: {reason}"
        + (f" ({MEANINGS[reason]})" if reason in MEANINGS else "")
        + f"; look at --attempt {proof.order.attempt + 1}"
        for reason in proof.reasons
    ]


def _facts(proof: Proof) -> list[str]:
    wanted = {name: _shown(value) for name, value in proof.order.conditions.items()}
    measured = {name: number(value) for name, value in proof.measured.items()}
    names = dict.fromkeys([*wanted, *measured])
    return aligned(
        [
            ("condition", "ordered", "measured"),
            *((name, wanted.get(name, ""), measured.get(name, "")) for name in names),
        ]
    )


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)


def _write_picture(proof: Proof, path: Path) -> list[Path]:
    from ..cards import Scan, preview

    image, label = proof.volumes["image"], proof.volumes.get("label")
    labels = {} if label is None else dict(proof.specs["label"].labels or {})
    scan = Scan(
        image=image,
        spacing_mm=proof.specs["image"].spacing_mm,
        label=label,
        labels=labels,
        title=proof.sample_id,
        details=", ".join(f"{name} {_shown(value)}" for name, value in proof.order.conditions.items()),
    )
    write_png(preview([scan]), path)
    return [path]


def _write_nifti(proof: Proof, path: Path) -> list[Path]:
    from .. import __version__
    from ..store.nifti import NiftiMarks, nifti_bytes

    stem = next(path.name.removesuffix(end) for end in reversed(_NIFTI) if path.name.endswith(end))
    ending = path.name.removeprefix(stem)
    paths = {name: path if name == "image" else path.with_name(f"{stem}_{name}{ending}") for name in proof.volumes}
    marks = NiftiMarks(synthetic=True, writer=f"voxpress {__version__}", sample_id=proof.sample_id)
    for name, file in paths.items():
        data = nifti_bytes(proof.volumes[name], proof.specs[name], marks, compressed=file.name.endswith(".gz"))
        file.write_bytes(data)
    return list(paths.values())
