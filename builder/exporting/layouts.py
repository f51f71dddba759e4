"""What lies where in an exported folder, in either of the two layouts. Pure: a cohort's table in, files out."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Protocol

import pyarrow as pa

from ...errors import FormatError
from .meanings import columns_json
from .naming import bids_names, plain_names
from .part_maker import ExportRow
from .tables import parquet_bytes, table_columns, text_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...store import Cohort

__all__ = ["Bids", "Layout", "Plain"]

_SUFFIX: Final = r"[A-Za-z0-9]+"
_BIDS_VERSION: Final = "1.10.0"
_MARKS: Final = {
    True: "Synthetic data: no file of it shows a real person.",
    False: "Scans of real people: keep them where their consent says.",
}


class Layout(Protocol):
    """Where files go, and what lies beside them."""

    def rows(self, cohort: Cohort) -> list[ExportRow]:
        """The volumes of each row.

        Raises:
            FormatError: they cannot be named so.
        """
        ...

    def beside(self, cohort: Cohort, told: Mapping[str, tuple[str, str]]) -> dict[str, bytes]:
        """Path → content of all files but the volumes.

        Args:
            cohort: that is exported.
            told: column → unit and meaning, as far as they are known.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """``volumes/<id>.nii.gz`` and ``volumes/<id>_label.nii.gz``, with `samples.csv` and `samples.parquet`."""

    def rows(self, cohort: Cohort) -> list[ExportRow]:
        """See `Layout`."""
        ids = _ids(cohort)
        return [
            ExportRow(row=row, sample_id=ids[row], paths={array: _plain_path(name, array) for array in cohort.specs})
            for row, name in enumerate(plain_names(ids))
        ]

    def beside(self, cohort: Cohort, told: Mapping[str, tuple[str, str]]) -> dict[str, bytes]:
        """See `Layout`."""
        table = table_columns(cohort)
        names = plain_names(_ids(cohort))
        for number, array in enumerate(cohort.specs):
            paths = pa.array([_plain_path(name, array) for name in names], pa.string())
            table = table.add_column(1 + number, array, paths)
        columns = table.to_pydict()
        synthetic = cohort.manifest.synthetic
        meanings = columns_json(columns, told, synthetic=synthetic)
        meanings |= {array: {"Description": f"File of the {array}"} for array in cohort.specs}
        return {
            "samples.csv": text_bytes(columns, delimiter=",", missing=""),
            "samples.parquet": parquet_bytes(table, synthetic=synthetic),
            "samples.json": _json({"SyntheticData": synthetic, "Columns": meanings}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Bids:
    """A derivative data set of the Brain Imaging Data Structure.

    Attributes:
        suffix: of images, such as ``T1w``; empty for what the condition `contrast` says.
    """

    suffix: str = ""

    def rows(self, cohort: Cohort) -> list[ExportRow]:
        """See `Layout`."""
        ids, suffixes = _ids(cohort), self._suffixes(cohort)
        rows = []
        for row, name in enumerate(_bids(cohort)):
            ends = {array: suffixes[row] if array == "image" else _label_suffix(array) for array in cohort.specs}
            paths = {array: f"{name.folder}/{name.stem}_{end}.nii.gz" for array, end in ends.items()}
            says = {**_sidecar(cohort), "SampleId": ids[row]}
            sidecar = (f"{name.folder}/{name.stem}_{suffixes[row]}.json", says)
            rows.append(ExportRow(row=row, sample_id=ids[row], paths=paths, sidecar=sidecar))
        return rows

    def beside(self, cohort: Cohort, told: Mapping[str, tuple[str, str]]) -> dict[str, bytes]:
        """See `Layout`."""
        manifest, names = cohort.manifest, _bids(cohort)
        people = [f"sub-{name.subject}" for name in names]
        columns: dict[str, Sequence[Any]] = {"participant_id": people}
        files: dict[str, bytes] = {}
        if any(name.session for name in names):
            # a participant has one row in participants.tsv, however often he was there
            columns |= {"session_id": [f"ses-{name.session}" if name.session else None for name in names]}
            columns |= table_columns(cohort).to_pydict()
            files |= _table("phenotype/samples", columns, told, synthetic=manifest.synthetic)
            del columns["session_id"]
            columns = _constant(columns)
        else:
            columns |= table_columns(cohort).to_pydict()
        files |= _table("participants", columns, told, synthetic=manifest.synthetic)
        for spec in cohort.specs.values():
            if spec.labels is not None:
                named: dict[str, Sequence[Any]] = {"index": list(spec.labels), "name": list(spec.labels.values())}
                files[f"{_label_suffix(spec.name)}.tsv"] = text_bytes(named, delimiter="\t", missing="n/a")
        return files | {
            "README": _readme(cohort).encode(),
            ".bidsignore": b"export.json\n",
            "dataset_description.json": _json(_description(cohort)),
        }

    def _suffixes(self, cohort: Cohort) -> list[str]:
        if self.suffix:
            found = [self.suffix] * len(cohort)
        elif "contrast" in cohort.conditions:
            found = [str(value) for value in cohort.columns(["contrast"])["contrast"].to_pylist()]
        else:
            msg = "the data set does not say what its images are; give their BIDS suffix, such as --suffix T1w"
            raise FormatError(msg)
        if wrong := [suffix for suffix in found if not re.fullmatch(_SUFFIX, suffix, flags=re.ASCII)]:
            msg = f"a BIDS suffix is letters and digits, such as T1w, got {wrong[0]!r}; give it: --suffix T1w"
            raise FormatError(msg)
        return found


def _ids(cohort: Cohort) -> list[str]:
    ids: list[str] = cohort.columns(["sample_id"])["sample_id"].to_pylist()
    return ids


def _bids(cohort: Cohort) -> list[Any]:
    indices = cohort.columns(["index"])["index"].to_pylist()
    return list(bids_names(_ids(cohort), indices, synthetic=cohort.manifest.synthetic))


def _plain_path(name: str, array: str) -> str:
    return f"volumes/{name}.nii.gz" if array == "image" else f"volumes/{name}_{array}.nii.gz"


def _label_suffix(array: str) -> str:
    """BIDS calls a label map a discrete segmentation."""
    return "dseg" if array == "label" else re.sub("[^A-Za-z0-9]", "", array)


def _constant(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """One row a participant, with the columns that are the same in all of his."""
    people = list(dict.fromkeys(columns["participant_id"]))
    kept: dict[str, Sequence[Any]] = {"participant_id": people}
    for name, values in columns.items():
        found = defaultdict(set)
        for person, value in zip(columns["participant_id"], values, strict=True):
            found[person].add(value)
        if name != "participant_id" and all(len(each) == 1 for each in found.values()):
            kept[name] = [next(iter(found[person])) for person in people]
    return kept


def _table(
    path: str, columns: Mapping[str, Sequence[Any]], told: Mapping[str, tuple[str, str]], *, synthetic: bool
) -> dict[str, bytes]:
    return {
        f"{path}.tsv": text_bytes(columns, delimiter="\t", missing="n/a"),
        f"{path}.json": _json(columns_json(columns, told, synthetic=synthetic)),
    }


def _sidecar(cohort: Cohort) -> dict[str, Any]:
    manifest = cohort.manifest
    return {
        "Description": _MARKS[manifest.synthetic],
        "SyntheticData": manifest.synthetic,
        "NotForClinicalUse": True,
        "Dataset": f"{manifest.name} {manifest.version}",
        "DatasetManifestSha256": manifest.digest,
    }


def _description(cohort: Cohort) -> dict[str, Any]:
    manifest = cohort.manifest
    backend = str(manifest.lock.get("backend", {}).get("name", ""))
    made = f"Made by the backend {backend} of voxpress, and exported" if backend else "Exported"
    return {
        "Name": f"{manifest.name} {manifest.version}",
        "BIDSVersion": _BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [
            {
                "Name": "voxpress",
                "Version": version("voxpress"),
                "Description": f"{made} from the data set {manifest.digest}",
            }
        ],
        "SyntheticData": manifest.synthetic,
        "NotForClinicalUse": True,
    }


def _readme(cohort: Cohort) -> str:
    manifest = cohort.manifest
    return (
        f"{manifest.name} {manifest.version}\n\n{_MARKS[manifest.synthetic]} It is not for clinical use.\n\n"
        f"Exported by voxpress {version('voxpress')} from the data set whose manifest has the SHA-256\n"
        f"{manifest.digest}.\n"
        "Voxels are the stored integers; scl_slope and scl_inter of the NIfTI header turn them into values.\n"
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
