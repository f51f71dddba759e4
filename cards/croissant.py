"""`croissant.json`: the data set for programs that search and load data (Croissant 1.1, its RAI vocabulary, PROV).

The table is a record set that any reader of Croissant gets; the volumes are file sets, which it can list. See
https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and, for RAI, .../croissant-rai-spec.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from ..store.layout import MANIFEST_NAME, group_path
from ..store.rows import MEASURED
from .dataset_card.contents import filled_splits, sample_count
from .dataset_card.making import backend_of, citation_text, is_imported
from .licences import sources_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..store.manifest import Manifest
    from .dataset_card.facts import CardFacts

__all__ = ["CROISSANT_NAME", "croissant_document"]

CROISSANT_NAME: Final = "croissant.json"

_CONFORMS: Final = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
_CONTEXT: Final = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The one of the specification, and PROV."""

_TABLE: Final = "table"
_RECORDS: Final = "samples"
_RAI: Final = {
    "intended_use": "rai:dataUseCases",
    "out_of_scope_use": "rai:dataLimitations",
    "training_data": "rai:personalSensitiveInformation",
    "known_biases": "rai:dataBiases",
    "maintainers": "rai:dataReleaseMaintenancePlan",
}
"""Answers of people that the vocabulary has a place for."""


def croissant_document(
    manifest: Manifest,
    schema: pa.Schema,
    facts: CardFacts,
    *,
    published: str,
    answers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The document. A pure function.

    Args:
        manifest: of the data set.
        schema: of its table.
        facts: what the card tells beside the manifest, with the licence and its link.
        published: day, such as `2026-11-26`.
        answers: what people wrote, by the keys of `dataset_card.human.QUESTIONS`.

    Returns:
        JSON-LD for `json.dumps`.
    """
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(_CONFORMS),
        "name": manifest.name,
        "description": _description(manifest),
        "version": _version(manifest.version),
        "datePublished": published,
        "license": facts.licence[1] or facts.licence[0] or "not chosen yet",
        "url": f"https://huggingface.co/datasets/{facts.repository}" if facts.repository else "./",
        "citeAs": citation_text(manifest, facts),
        "creator": {
            "@type": "sc:Organization",
            "name": facts.repository.partition("/")[0] or f"Makers of {manifest.name}",
        },
        "keywords": [*(["synthetic"] if manifest.synthetic else []), "medical", "3d", "zarr", "voxpress"],
        "identifier": f"sha256:{manifest.digest}",
        **_marks(manifest, facts),
        **_rai(manifest, facts, answers or {}),
        **_provenance(manifest, facts),
        "distribution": [*_files(manifest), *_sets(manifest)],
        "recordSet": [_record_set(schema, facts)],
    }


def _description(manifest: Manifest) -> str:
    arrays = ", ".join(f"{spec.name} {'x'.join(map(str, spec.shape))}" for spec in manifest.specs.values())
    kind = (
        "synthetic volumes, of no real person and not for clinical use"
        if manifest.synthetic
        else "volumes of real people"
    )
    return f"{sample_count(manifest):,} {kind}. Arrays: {arrays}. One row a sample; the voxels are sharded Zarr v3."


def _version(version: str) -> str:
    """The three numbers: Croissant takes no suffix."""
    return version.partition("-")[0].partition("+")[0]


def _marks(manifest: Manifest, facts: CardFacts) -> dict[str, Any]:
    """What says that the data are synthetic, in the words that others search for."""
    if not manifest.synthetic:
        return {}
    kind = {"digitalSourceType": {"@id": facts.source_type}} if facts.source_type else {}
    return {**kind, "additionalType": "synthetic data"}


def _rai(manifest: Manifest, facts: CardFacts, answers: Mapping[str, str]) -> dict[str, Any]:
    told = {field: answers[key] for key, field in _RAI.items() if answers.get(key)}
    if not manifest.synthetic:
        return told
    if is_imported(manifest):
        return {"rai:dataCollection": "Synthetic, as whoever imported the volumes says.", **told}
    backend = backend_of(manifest, facts) or "unknown"
    return {
        "rai:dataCollection": f"Synthetic: made by the backend {backend} of voxpress from recipe.yaml.",
        "rai:dataCollectionType": ["Software Collection"],
        "rai:machineAnnotationTools": [f"voxpress backend {backend}: label maps and measures come from the generator"],
        **told,
    }


def _provenance(manifest: Manifest, facts: CardFacts) -> dict[str, Any]:
    if not manifest.synthetic or is_imported(manifest):
        return {}
    lock = manifest.lock.get("backend", {})
    agent = " ".join(("voxpress", str(manifest.lock.get("voxpress", {}).get("version", "")))).strip()
    activity = {
        "@type": "prov:Activity",
        "prov:label": f"generation by the backend {backend_of(manifest, facts) or 'unknown'}",
        "prov:wasAssociatedWith": {"@type": "prov:SoftwareAgent", "prov:label": agent},
        "prov:used": [
            f"recipe.yaml sha256:{manifest.recipe_sha256}",
            *(f"{name} {value}" for name, value in lock.items()),
        ],
    }
    sources = [
        {"@type": "prov:Entity", "prov:label": f"{each.what} ({each.licence})"} for each in sources_of(manifest.lock)
    ]
    return {"prov:wasGeneratedBy": activity, **({"prov:wasDerivedFrom": sources} if sources else {})}


def _files(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """Single files: the manifest, the recipe, and each file of the table."""
    yield _file(MANIFEST_NAME, "application/json", manifest.digest, len(manifest.to_bytes()))
    for path, record in manifest.files.items():
        if path.endswith((".parquet", ".yaml", ".csv")):
            kind = {"parquet": "application/x-parquet", "yaml": "application/yaml", "csv": "text/csv"}[
                path.rpartition(".")[2]
            ]
            yield _file(path, kind, record.sha256, record.bytes)


def _file(path: str, encoding: str, sha256: str, size: int) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{size} B",
        "encodingFormat": encoding,
        "sha256": sha256,
    }


def _sets(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """The table as one set that can be read, and each split's volumes, which can be listed."""
    yield {
        "@type": "cr:FileSet",
        "@id": _TABLE,
        "name": _TABLE,
        "description": "One row a sample.",
        "encodingFormat": "application/x-parquet",
        "includes": "metadata/*.parquet",
    }
    for split in filled_splits(manifest):
        yield {
            "@type": "cr:FileSet",
            "@id": group_path(split),
            "name": group_path(split),
            "description": f"Zarr v3 group of the split {split}; the sha256 of every file is in {MANIFEST_NAME}.",
            "encodingFormat": "application/vnd.zarr+v3",
            "includes": f"{group_path(split)}/*",
        }


def _record_set(schema: pa.Schema, facts: CardFacts) -> dict[str, Any]:
    words = {each.name: each.meaning for each in facts.conditions}
    words |= {f"{MEASURED}{each.name}": each.meaning for each in facts.measures}
    fields = [found for field in schema if (found := _field(field, words.get(field.name, ""))) is not None]
    return {
        "@type": "cr:RecordSet",
        "@id": _RECORDS,
        "name": _RECORDS,
        "description": "One record a sample: what was ordered, what was measured, and where its voxels are.",
        "key": {"@id": f"{_RECORDS}/sample_id"},
        "field": fields,
    }


def _field(field: pa.Field, words: str) -> dict[str, Any] | None:
    """A column; None for one of a type that Croissant does not have."""
    name = f"{_RECORDS}/{field.name}"
    told = {"description": words} if words else {}
    head = {"@type": "cr:Field", "@id": name, "name": name, **told}
    if pa.types.is_struct(field.type):
        parts = [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{part.name}",
                "name": f"{name}/{part.name}",
                "dataType": _kind(part.type),
                "source": {**_column(field.name), "transform": {"jsonPath": part.name}},
            }
            for part in field.type
        ]
        return {**head, "subField": parts}
    if pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type):
        kind = _kind(field.type.value_type)
        return None if kind is None else {**head, "dataType": kind, "repeated": True, "source": _column(field.name)}
    kind = _kind(field.type)
    return None if kind is None else {**head, "dataType": kind, "source": _column(field.name)}


def _column(name: str) -> dict[str, Any]:
    return {"fileSet": {"@id": _TABLE}, "extract": {"column": name}}


def _kind(kind: pa.DataType) -> str | None:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Text" if pa.types.is_string(kind) else None
