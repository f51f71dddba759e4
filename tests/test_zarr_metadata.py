from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
import tiny_store as tiny

from voxpress import store
from voxpress.errors import FormatError
from voxpress.store.zarr_metadata import check_array_document

DOCUMENT = store.array_document(tiny.SPECS["label"], 10, [7, 5], tiny.ATTRS)


def test_attributes_say_what_the_voxels_mean() -> None:
    attributes = DOCUMENT["attributes"]
    assert attributes["affine"] == [list(row) for row in tiny.AFFINE]
    assert attributes["spacing_mm"] == [1.0, 1.5, 2.0]
    assert attributes["orientation"] == "RAS+"
    assert attributes["labels"] == {"0": "background", "1": "brain", "2": "ventricles"}
    assert attributes["holes"] == [5, 7]
    assert attributes["background"] == 0
    assert attributes.items() >= tiny.ATTRS.items()


def test_an_image_has_no_labels() -> None:
    assert "labels" not in store.array_document(tiny.SPECS["image"], 10, [], {})["attributes"]


def test_the_group_says_synthetic() -> None:
    assert store.group_document(tiny.ATTRS) == {"zarr_format": 3, "node_type": "group", "attributes": tiny.ATTRS}


def test_attributes_of_the_caller_do_not_win_over_the_spec() -> None:
    document = store.array_document(tiny.SPECS["image"], 10, [], {"affine": "wrong", "holes": "wrong"})
    assert document["attributes"]["affine"] == [list(row) for row in tiny.AFFINE]
    assert document["attributes"]["holes"] == []


def test_bytes_are_canonical_and_read_back() -> None:
    data = store.document_bytes(DOCUMENT)
    assert json.loads(data) == json.loads(json.dumps(DOCUMENT))
    assert data.endswith(b"}\n")
    assert data == store.document_bytes(json.loads(data))


def test_a_spacing_of_an_oblique_affine_is_the_length_of_its_columns() -> None:
    from dataclasses import replace

    turn = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]]) @ np.diag([2.0, 3.0, 4.0])
    affine = (*((*map(float, row), 0.0) for row in turn), (0.0, 0.0, 0.0, 1.0))
    np.testing.assert_allclose(replace(tiny.SPECS["image"], affine=affine).spacing_mm, [2, 3, 4])


CHANGES: dict[str, tuple[tuple[Any, ...], Any]] = {
    "shape": (("shape",), [10, 2**40, 20, 18]),
    "more slots": (("shape",), [11, 16, 20, 18]),
    "dtype": (("data_type",), "uint16"),
    "fill value": (("fill_value",), 1),
    "chunk grid": (("chunk_grid", "configuration", "chunk_shape"), [8, 16, 20, 18]),
    "separator": (("chunk_key_encoding", "configuration", "separator"), "/"),
    "inner chunk": (("codecs", 0, "configuration", "chunk_shape"), [1, 1, 1, 1]),
    "codec": (("codecs", 0, "configuration", "codecs", 1, "name"), "evil"),
    "no checksum": (("codecs", 0, "configuration", "codecs"), [{"name": "bytes"}]),
    "affine": (("attributes", "affine"), [[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    "scale": (("attributes", "scale"), 2.0),
    "labels": (("attributes", "labels"), {"0": "brain"}),
    "transformers": (("storage_transformers",), [{"name": "x"}]),
    "attributes": (("attributes",), None),
}


@pytest.mark.parametrize(("keys", "value"), CHANGES.values(), ids=CHANGES.keys())
def test_a_document_that_contradicts_the_manifest_is_refused(keys: tuple[Any, ...], value: Any) -> None:
    changed: Any = copy.deepcopy(DOCUMENT)
    check_array_document(changed, tiny.SPECS["label"], 10, "zarr.json")
    place = changed
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    with pytest.raises(FormatError, match=r"zarr\.json"):
        check_array_document(changed, tiny.SPECS["label"], 10, "zarr.json")
