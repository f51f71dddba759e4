"""What is asked of an import, parsed and checked before a file is read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...errors import RecipeError
from ...store.arrays import DTYPES
from ...store.nifti.geometry import AFFINES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ImportOrder", "parse_columns", "parse_fractions", "parse_window"]

_SPLIT: Final = r"[A-Za-z0-9_]{1,64}"
_COLUMN: Final = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_VERSION: Final = r"\d{1,9}\.\d{1,9}\.\d{1,9}([-+][0-9A-Za-z.+-]{1,100})?"
_MOST_SHARD_SAMPLES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """All that decides the bytes, but the files and the table themselves.

    Attributes:
        synthetic: whether the scans show no real person.
        name, version: of the data set.
        key: column of the table that says which file a row is of; empty for `participant_id` of a BIDS data set.
        columns: condition → column of the table; None for all.
        split: a column, or ``train=0.8,test=0.2``; empty for one split, `train`.
        files: only files whose path matches, such as ``*/anat/*_T1w.nii.gz``.
        suffix: only BIDS names that end so.
        labels: which files are label maps, as `files`; empty for none.
        label_names: value → name of the label maps; those that are left out are called ``label 7``.
        grid: empty, ``160,224,160@1,1,1``, the same with ``@0,-17,10`` (its centre in mm), or the folder of a data set.
        dtype: of the images, one of `store.arrays.DTYPES`; empty to choose.
        window: lowest and highest value that are told apart; None to choose.
        background: value outside the body; None to choose.
        affine: as for `store.nifti.read_scan`.
        unit: of the values of images.
        digital_source_type: IPTC's term for where synthetic samples come from; empty where that is not known.
        shard_samples: of one file.

    Raises:
        RecipeError: a field is not well formed.
    """

    synthetic: bool
    name: str
    version: str = "1.0.0"
    key: str = ""
    columns: Mapping[str, str] | None = None
    split: str = ""
    files: str = ""
    suffix: str = ""
    labels: str = ""
    label_names: Mapping[int, str] = field(default_factory=dict)
    grid: str = ""
    dtype: str = ""
    window: tuple[float, float] | None = None
    background: float | None = None
    affine: str = "agreed"
    unit: str = ""
    digital_source_type: str = ""
    shard_samples: int = 64

    def __post_init__(self) -> None:
        _check(
            re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", self.name), "name", "letters, digits, . _ -", self.name
        )
        _check(re.fullmatch(_VERSION, self.version), "version", "semantic, such as 1.0.0", self.version)
        _check(self.dtype in {"", *DTYPES}, "dtype", f"one of {', '.join(DTYPES)}", self.dtype)
        _check(self.affine in AFFINES, "affine", f"one of {', '.join(AFFINES)}", self.affine)
        in_range = 1 <= self.shard_samples <= _MOST_SHARD_SAMPLES
        _check(in_range, "shard_samples", f"1 to {_MOST_SHARD_SAMPLES}", self.shard_samples)
        if self.window is not None:
            finite = all(map(math.isfinite, self.window)) and self.window[0] < self.window[1]
            _check(finite, "window", "two finite numbers, the lower one first", self.window)
        _check(self.background is None or math.isfinite(self.background), "background", "finite", self.background)
        if "=" in self.split:
            parse_fractions(self.split)
        for name in self.columns or ():
            _check(re.fullmatch(_COLUMN, name), "a condition's name", f"such as age_years ({_COLUMN})", name)

    def to_plain(self) -> dict[str, Any]:
        """As JSON and YAML can hold it, without what is empty."""
        plain: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value in ("", None) or (each.name == "label_names" and not value):
                continue
            if each.name == "label_names":
                value = {str(number): text for number, text in value.items()}
            if each.name == "grid" and "@" not in value:
                value = Path(value).name  # of a data set on this machine
            plain[each.name] = (
                list(value) if isinstance(value, tuple) else dict(value) if each.name == "columns" else value
            )
        return plain


def parse_window(text: str) -> tuple[float, float] | None:
    """``LOW,HIGH`` as two numbers; ``percentiles`` and nothing as None, which chooses.

    Raises:
        RecipeError: neither.
    """
    if text in {"", "percentiles"}:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        _check(False, "window", "LOW,HIGH or percentiles", text)  # noqa: FBT003
        raise AssertionError from None
    return low, high


def parse_columns(text: str) -> dict[str, str] | None:
    """``age,sex,volume_ml=Volume (ml)`` as condition → column; nothing as None.

    Raises:
        RecipeError: a condition is named twice.
    """
    if not text:
        return None
    pairs = [part.partition("=") for part in text.split(",")]
    columns = {name.strip(): (column if sign else name).strip() for name, sign, column in pairs}
    _check(len(columns) == len(pairs), "columns", "conditions of different names", text)
    return columns


def parse_fractions(text: str) -> dict[str, float]:
    """``train=0.8,test=0.2`` as split → fraction.

    Raises:
        RecipeError: a name or a fraction is none, or they do not sum to 1.
    """
    try:
        fractions = {
            name.strip(): float(number) for name, _, number in (part.partition("=") for part in text.split(","))
        }
    except ValueError:
        fractions = {}
    whole = abs(math.fsum(fractions.values()) - 1) < 1e-9 and all(number > 0 for number in fractions.values())
    named = all(re.fullmatch(_SPLIT, name, flags=re.ASCII) for name in fractions)
    _check(whole and named, "split", "a column, or fractions that sum to 1 such as train=0.8,test=0.2", text)
    return fractions


def _check(sound: object, what: str, must: str, found: object) -> None:
    if not sound:
        msg = f"{what} must be {must}, got {found!r}"
        raise RecipeError(msg)
