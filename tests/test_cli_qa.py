"""`voxpress qa`: what it prints, and what it leaves."""

from __future__ import annotations

import json
import shutil

import tiny_store as tiny

from voxpress import store


def test_a_sound_data_set_is_inspected_once(brains, tmp_path, say):
    root = shutil.copytree(brains, tmp_path / "brains")
    said = say("qa", root, "--workers", 1)
    assert said.code == 0, said.err
    assert "tiny-brains 0.1.0: 6 samples" in said.out or "6 samples" in said.out
    assert "inspecting" in said.err
    again = say("qa", root, "--workers", 1)
    assert again.code == 0
    assert "inspected before" in again.err
    assert again.out == said.out
    assert store.verify(root).ok


def test_what_is_wrong_is_named(tmp_path, monkeypatch, say):
    voxels = tiny.voxels

    def damaged(index: int):
        made = voxels(index)
        if index == 2:
            made["image"][made["image"] > 0] = 200
        return made

    monkeypatch.setattr(tiny, "voxels", damaged)
    root = tiny.build(tmp_path / "brains")
    said = say("qa", root, "--workers", 1)
    assert said.code == 1
    assert "CONSTANT" in said.out
    plain = json.loads(say("qa", root, "--workers", 1, "--json").out)
    scores = {score["id"]: score for score in plain["parts"]["samples"]["scores"]}
    assert scores["samples.constant"]["value"] == 1
    assert scores["samples.reject_rate"]["n"] == {"synthetic": tiny.SAMPLES}
    assert plain["manifest_sha256"] == store.open(root).manifest.digest


def test_damaged_bytes_are_no_judgement(tiny_store, say):
    path = tiny_store / store.shard_path("train", "image", 0)
    path.write_bytes(path.read_bytes()[:-7])
    said = say("qa", tiny_store, "--workers", 1)
    assert said.code == 1
    assert store.shard_path("train", "image", 0) in said.err


def test_there_must_be_a_data_set(tmp_path, say):
    said = say("qa", tmp_path / "nowhere")
    assert said.code == 2
    assert "nowhere" in said.err
