"""The `zarr.json` documents of a store (Zarr v3). Pure: values in, values out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import FormatError
from .parsing import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .arrays import ArraySpec

__all__ = ["DIMENSION_NAMES", "array_document", "check_array_document", "document_bytes", "group_document"]

DIMENSION_NAMES = ["sample", "x", "y", "z"]


def group_document(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a split's group.

    Args:
        attrs: what says that all of it is synthetic: `synthetic`, `digital_source_type`,
            `not_for_clinical_use`, `generator`, `dataset`.
    """
    return {"zarr_format": 3, "node_type": "group", "attributes": dict(attrs)}


def array_document(spec: ArraySpec, slots: int, holes: Sequence[int], attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a split's array.

    Args:
        spec: of the array.
        slots: length of the first axis.
        holes: slots that hold no sample, because the sample that was planned there was rejected.
        attrs: as in `group_document`; what the spec says wins over them.
    """
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [slots, *spec.shape],
        "data_type": spec.dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [spec.shard_samples, *spec.shape]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": 0,
        "codecs": [
            {
                "name": "sharding_indexed",
                "configuration": {
                    "chunk_shape": [1, *spec.chunk],
                    "codecs": [dict(codec) for codec in spec.codecs],
                    "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
                    "index_location": "end",
                },
            }
        ],
        "dimension_names": DIMENSION_NAMES,
        "attributes": {**attrs, **_spec_attributes(spec), "holes": sorted(holes)},
    }


def document_bytes(document: Mapping[str, Any]) -> bytes:
    """Bytes of a `zarr.json` file."""
    return canonical_json(document)


def check_array_document(document: Any, spec: ArraySpec, slots: int, where: str) -> None:
    """Hold a `zarr.json` against the manifest, before a Zarr library allocates what it asks for.

    Args:
        document: parsed JSON.
        spec: what the manifest says of the array.
        slots: what the manifest says of its length.
        where: name of the file for the message.

    Raises:
        FormatError: anything that says how bytes become voxels, or voxels millimetres, differs.
    """
    if not isinstance(document, dict) or not isinstance(document.get("attributes"), dict):
        msg = f"{where} is not the metadata of an array; get the store again from its source"
        raise FormatError(msg)
    expected = array_document(spec, slots, (), {})
    for key in (key for key in expected if key != "attributes"):
        _check_same(document.get(key), expected[key], f"{where}: {key}")
    if unknown := sorted(set(document) - set(expected)):
        msg = f"{where} has unknown fields: {', '.join(unknown)[:200]}; do not trust it, or upgrade voxpress"
        raise FormatError(msg)
    for key, value in _spec_attributes(spec).items():
        _check_same(document["attributes"].get(key), value, f"{where}: attributes.{key}")


def _check_same(found: Any, expected: Any, where: str) -> None:
    if found != expected:
        msg = f"{where} must be {str(expected)[:300]} as in the manifest, got {str(found)[:300]}; the store is damaged"
        raise FormatError(msg)


def _spec_attributes(spec: ArraySpec) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "affine": [[float(x) for x in row] for row in spec.affine],
        "spacing_mm": list(spec.spacing_mm),
        "orientation": "RAS+",
        "scale": float(spec.scale),
        "offset": float(spec.offset),
        "unit": spec.unit,
        "kind": spec.kind,
        "background": 0,
    }
    if spec.labels is not None:
        attributes["labels"] = {str(value): name for value, name in spec.labels.items()}
    return attributes
