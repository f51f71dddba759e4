"""The work itself: reads the volumes of a piece, checks them, and embeds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ...store.rows import MEASURED
from ..features.embedding import embed
from ..features.table import feature_columns
from ..sample import check_sample
from ..volume import volume_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ...store import ArraySpec, Cohort
    from ..features import FeatureExtractor
    from ..features.pieces import PieceFolder
    from ..features.table import StoredFeatures
    from .plan import Piece

__all__ = ["Inspector", "column_of"]


def column_of(extractor: FeatureExtractor | StoredFeatures) -> str:
    """Column of a piece's file; another id is another column."""
    return f"{extractor.name} {extractor.feature_id}"


class Inspector:
    """Checks and embeds the samples of a piece; goes to worker processes as it is."""

    def __init__(self, cohort: Cohort, extractors: tuple[FeatureExtractor, ...], folder: PieceFolder) -> None:
        self.cohort, self.extractors, self.folder = cohort, extractors, folder

    def is_done(self, piece: Piece) -> bool:
        """Whether an earlier run has done all that is to be done."""
        if piece.name not in self.folder:
            return False
        names = self.folder.read(piece.name).column_names
        wanted = {column_of(each) for each in self._wanted(piece)} | ({"reasons"} if piece.check else set())
        return wanted <= set(names)

    def __call__(self, piece: Piece) -> int:
        """Does a piece, and keeps what came of it; returns its samples."""
        wanted = self._wanted(piece)
        names = [*self.cohort.conditions, *self.cohort.measures]
        rows = self.cohort.store.columns(["sample_id", *names]).slice(piece.start, piece.stop - piece.start).to_pylist()
        vectors: dict[str, list[NDArray[np.float32] | None]] = {each.name: [] for each in wanted}
        reasons: list[tuple[str, ...]] = []
        failed: dict[str, str] = {}
        for place, row in enumerate(rows):
            stored = {name: self.cohort.store.read(piece.start + place, name, None) for name in self.cohort.specs}
            volume = volume_of(stored, self.cohort.specs)
            if piece.check:
                reasons.append(self._check(row, stored, volume.image))
            found, why = embed(volume, wanted)
            for name, vector in found.items():
                vectors[name].append(vector)
            failed = {name: f"{row['sample_id']}: {reason}" for name, reason in why.items()} | failed
        table = feature_columns([row["sample_id"] for row in rows], vectors, wanted)
        table = table.rename_columns(["sample_id", *map(column_of, wanted)])
        if piece.check:
            table = table.append_column("reasons", pa.array(reasons, pa.list_(pa.string())))
        self.folder.write(piece.name, table.replace_schema_metadata(failed or None))
        return len(rows)

    def _wanted(self, piece: Piece) -> list[FeatureExtractor]:
        return [each for each in self.extractors if each.name in piece.lacking]

    def _check(
        self, row: Mapping[str, Any], stored: Mapping[str, NDArray[Any]], image: NDArray[np.float32]
    ) -> tuple[str, ...]:
        specs = self.cohort.specs
        values = {name: _values(name, stored[name], image, spec) for name, spec in specs.items()}
        measured = {name.removeprefix(MEASURED): row[name] for name in self.cohort.measures if row[name] is not None}
        ordered = {name: row[name] for name in self.cohort.conditions if row[name] is not None}
        # what the backend says that its sound samples have too, such as a body that the field of view cuts
        design = str(self.cohort.manifest.lock.get("backend", {}).get("findings_by_design", "")).split()
        found = check_sample(values, specs, measured=measured, ordered=ordered)
        return tuple(reason for reason in found if reason not in design)


def _values(name: str, stored: NDArray[Any], image: NDArray[np.float32], spec: ArraySpec) -> NDArray[Any]:
    """What the integers of an array mean."""
    if spec.kind == "label" or name == "image":
        return stored if spec.kind == "label" else image
    return stored.astype(np.float32) * np.float32(spec.scale) + np.float32(spec.offset)
