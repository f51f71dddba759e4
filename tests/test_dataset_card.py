from __future__ import annotations

import dataclasses

import datasets
import pytest
import tiny_store as tiny
import yaml
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard

from voxpress import store
from voxpress.cards import CardFacts, dataset_card
from voxpress.cards.dataset_card.facts import Counts, Refused
from voxpress.generation.backend import Condition, Measure


def real(manifest):
    """The same of real people."""
    return dataclasses.replace(manifest, synthetic=False, format_version=0)


CONDITIONS = (
    Condition(name="age", kind="number", unit="years", minimum=20, maximum=95, meaning="Age at the scan."),
    Condition(name="sex", kind="category", choices=("F", "M"), meaning="Sex | as ordered."),
    Condition(name="severity", kind="number", meaning="Without limits."),
)
MEASURES = (Measure(name="ventricular_volume_ml", meaning="Volume of the label.", unit="ml"),)


@pytest.fixture(scope="module")
def manifest(sealed_store):
    return store.open(sealed_store).manifest


def test_the_header_is_what_the_hub_reads(manifest):
    card = DatasetCard(dataset_card(manifest))
    configs = MetadataConfigs.from_dataset_card_data(card.data)
    assert configs.get_default_config_name() == "default"
    assert configs["default"]["data_files"] == [
        {"split": "train", "path": "metadata/train-*.parquet"},
        {"split": "validation", "path": "metadata/validation-*.parquet"},
    ]
    assert card.data.license == "other"
    assert card.data.size_categories == ["n<1K"]
    assert {"synthetic", "medical", "3d", "zarr"} <= set(card.data.tags)


def test_datasets_opens_a_folder_with_it(tiny_store, manifest, tmp_path):
    (tiny_store / "README.md").write_text(dataset_card(manifest), encoding="utf-8")
    rows = datasets.load_dataset(str(tiny_store), cache_dir=str(tmp_path / "cache"))
    assert {split: len(part) for split, part in rows.items()} == {"train": 9, "validation": 3}
    assert rows["train"].features["image"] == {"path": datasets.Value("string"), "index": datasets.Value("int64")}


def test_it_says_what_the_data_are(manifest):
    text = dataset_card(manifest, CardFacts(conditions=CONDITIONS, measures=MEASURES))
    for part in (
        "All 12 samples of this data set are synthetic",
        "not for\nclinical use",
        manifest.digest,
        "| image | image | 16 x 20 x 18 | 1 x 1.5 x 2 | uint8 |",
        "[[1.0, 0.0, 0.0, -8.0]",
        "| label | 2 | ventricles |",
        "| age | years | 20 to 95 | Age at the scan. |",
        r"| sex |  | F, M | Sex \| as ordered. |",
        r"measured\_ventricular\_volume\_ml",
        "as no attempt at them passed the checks: 1.",
        "no expert has drawn",
    ):
        assert part in text or part.replace("\n", " ") in text.replace("\n", " "), part
    assert text.endswith("\n")
    assert text == dataset_card(manifest, CardFacts(conditions=CONDITIONS, measures=MEASURES))


def test_the_notice_of_the_template_comes_with_the_atlas(manifest):
    text = dataset_card(manifest, CardFacts(backend="atlas"))
    assert "Copyright (C) 1993-2009 Louis Collins" in text
    assert DatasetCard(text).data.license_name == "icbm-152"
    locked = dataclasses.replace(manifest, lock={"backend": {"name": "atlas"}})
    assert "Copyright (C) 1993-2009 Louis Collins" in dataset_card(locked)


def test_an_unknown_backend_leaves_the_licence_to_the_publisher(manifest):
    text = dataset_card(manifest, CardFacts(backend="mine"))
    assert "The publisher has not chosen a licence yet" in text
    assert "Louis Collins" not in text


def test_a_split_without_rows_is_no_split_for_the_hub(manifest):
    empty = dataclasses.replace(
        manifest,
        splits={**manifest.splits, "test": store.SplitRecord(slots=0, samples=0, shard_samples=tiny.SHARD_SAMPLES)},
        arrays={**manifest.arrays, **{store.array_path("test", name): spec for name, spec in tiny.SPECS.items()}},
        files={
            **manifest.files,
            store.group_zarr_json_path("test"): store.FileRecord(bytes=1, sha256="0" * 64),
            **{
                store.array_zarr_json_path("test", name): store.FileRecord(bytes=1, sha256="0" * 64)
                for name in tiny.SPECS
            },
        },
    )
    header = yaml.safe_load(dataset_card(empty).split("---\n")[1])
    assert [entry["split"] for entry in header["configs"][0]["data_files"]] == ["train", "validation"]
    assert "| test | 0 |" in dataset_card(empty)


def test_text_from_data_stays_text(manifest):
    hostile = "x\n---\n<script>alert(1)</script> [a](http://b.example) |`"
    spec = dataclasses.replace(tiny.SPECS["label"], labels={0: "background", 1: hostile, 2: hostile})
    arrays = {store.array_path(split, "label"): spec for split in tiny.SLOTS}
    text = dataset_card(
        dataclasses.replace(manifest, arrays={**manifest.arrays, **arrays}),
        CardFacts(
            repository="org/na'me\n```\n<b>",
            backend="<i>",
            conditions=(Condition(name="c", kind="category", choices=(hostile,), meaning=hostile),),
            counts=(Counts(name=hostile, counts={hostile: 3}),),
            refused=Refused(reasons={hostile: 2}, groups={hostile: (1, 2)}),
            unjudged=hostile,
        ),
    )
    body = text.split("---\n", 2)[2]
    assert "<script" not in text
    assert "<i>" not in text
    assert "[a](" not in text
    assert "://b.example" not in text
    assert "\n---\n" not in body
    assert yaml.safe_load(text.split("---\n")[1])["license"] == "other"
    assert text.count("```") == dataset_card(manifest).count("```")


def test_real_people_are_not_called_synthetic(manifest):
    text = dataset_card(real(manifest))
    header = yaml.safe_load(text.split("---\n")[1])
    assert "synthetic" not in header["tags"]
    assert "annotations_creators" not in header
    assert "synthetic" not in text.lower()
    assert "scans of real people" in text


def test_what_was_refused_is_told_by_reason_and_subgroup(manifest):
    refused = Refused(reasons={"FOV_CUT": 7, "CLIPPED": 1}, groups={"sex F": (6, 100), "sex M": (2, 120)})
    text = dataset_card(manifest, CardFacts(refused=refused))
    assert "| FOV\\_CUT | 7 |" in text
    assert "| sex F | 6 | 100 | 0.06 |" in text
    assert "Why was not recorded" in dataset_card(manifest, CardFacts(retried=3))
    assert "No attempt was refused" in dataset_card(manifest, CardFacts(refused=Refused()))


def test_a_data_set_that_nobody_judged_does_not_look_judged(manifest):
    text = dataset_card(manifest)
    assert "Quality: **not judged**" in text
    assert "memorisation audit\nwas **not run**" in text or "memorisation audit was **not run**" in text
    assert "PASS" not in text


def test_it_can_be_cited_by_its_digest(manifest):
    text = dataset_card(manifest, CardFacts(repository="org/tiny"))
    entry = text.partition("```bibtex\n")[2].partition("```")[0]
    assert entry.startswith("@misc{tiny-brains-1-0-0,")
    assert manifest.digest in entry
    assert "https://huggingface.co/datasets/org/tiny" in entry
