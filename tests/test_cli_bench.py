"""`voxpress bench` as it is typed."""

from __future__ import annotations

import json
import os
import signal

import pytest
import tiny_store as tiny
from command_line import start
from range_server import RangeServer

QUICK = ("--seconds", 0.1)


def test_volumes_and_patches_are_measured_and_told(say, sealed_store) -> None:
    said = say("bench", sealed_store, *QUICK)
    assert said.code == 0, said.err
    first, machine, *lines = said.out.splitlines()
    assert first == f"{sealed_store}: tiny-brains 1.0.0, 12 samples, order shuffled, images as float32"
    assert machine.startswith("machine: ")
    assert "core" in machine
    header = next(line for line in lines if line.split()[:1] == ["volumes"])
    assert header.split() == ["volumes", "patches", "16×16×16"]
    for row in ("samples/s", "cores can decode", "MB/s decoded", "first batch after", "requests", "read", "decoding"):
        assert any(row in line for line in lines), row
    assert sum("limited by" in line for line in lines) == 2
    assert any(line.startswith("  try: ") for line in lines)
    assert "reading whole volumes" in said.err
    assert "reading patches 16×16×16" in said.err


def test_for_programs(say, sealed_store) -> None:
    said = say("bench", sealed_store, *QUICK, "--json", "--patch", "4,5,6", "--keys", "image", "--dtype", "stored")
    assert said.code == 0, said.err
    facts = json.loads(said.out)
    assert (facts["name"], facts["samples"], facts["remote"]) == ("tiny-brains", tiny.SAMPLES, False)
    (found,) = facts["measurements"]
    assert (found["patch"], found["keys"], found["batch_size"]) == ([4, 5, 6], ["image"], 2)
    assert found["decoded_bytes_per_s"] == pytest.approx(found["samples_per_s"] * 4 * 5 * 6)
    assert found["decoded_bytes_per_wanted"] > 1
    assert set(found["thread_s_per_sample"]) == set(found["cpu_s_per_sample"])
    assert found["advice"]
    assert found["limit"]


@pytest.mark.parametrize("cached", [False, True], ids=["no cache", "cache"])
def test_a_url(say, sealed_store, tmp_path, cached) -> None:
    options = ("--cache", tmp_path / "cache", "--cache-limit", "10MB") if cached else ()
    with RangeServer(sealed_store, delay_s=0.02) as server:
        said = say("bench", server.url, *QUICK, *options, "--patch", "whole", "--json", "--order", "shuffled_shards")
    assert said.code == 0, said.err
    facts = json.loads(said.out)
    assert (facts["remote"], facts["cached"], facts["in_memory_before"]) == (True, cached, None)
    (found,) = facts["measurements"]
    assert found["patch"] is None
    # the table's two files, an index of each of four shards of two arrays, and for each sample of each a range at most
    assert found["passes"][0]["requests"] <= 2 + 8 + 2 * tiny.SAMPLES
    assert found["thread_s_per_sample"]["fetching"] > 0


def test_a_selection_and_workers(say, sealed_store) -> None:
    options = ("--split", "train", "--where", "sex == 'F'", "--workers", 1, "--threads", 1, "--batch-size", 3)
    said = say("bench", sealed_store, *QUICK, *options, "--prefetch", "1MB", "--order", "sequential", "--json")
    assert said.code == 0, said.err
    facts = json.loads(said.out)
    assert facts["samples"] == 5
    assert {(found["workers"], found["threads"], found["batch_size"]) for found in facts["measurements"]} == {(1, 1, 3)}


def test_one_sample(say, sealed_store) -> None:
    said = say("bench", sealed_store, *QUICK, "--where", "index == 7")
    assert said.code == 0, said.err
    assert "1 samples" not in said.out
    assert "1 sample, " in said.out


MISTAKES = {
    "empty": (["--where", "age > 200"], "no sample is left to read"),
    "bad where": (["--where", "age >"], "age >"),
    "no split": (["--split", "test"], "there is no split 'test'"),
    "no key": (["--keys", "image,mask"], "keys must name arrays of the data set"),
    "patch text": (["--patch", "big"], "--patch must be whole, or three sizes"),
    "patch of two": (["--patch", "4,4"], "--patch must be whole, or three sizes"),
    "patch too large": (["--patch", "17,4,4"], "is larger than the volumes"),
    "prefetch": (["--prefetch", "much"], "a size must be"),
    "no time": (["--seconds", "0"], "more than 0 s"),
    "no batch": (["--batch-size", "0"], "at least 1"),
    "workers": (["--workers", "-1"], "at least 0"),
    "order": (["--order", "random"], "invalid choice"),
}


@pytest.mark.parametrize(("options", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told(say, sealed_store, options, message) -> None:
    said = say("bench", sealed_store, *QUICK, *options)
    assert said.code == 2
    assert message in said.err
    assert said.out == ""


def test_a_cache_limit_below_one_shard_is_a_mistake(say, sealed_store, tmp_path) -> None:
    with RangeServer(sealed_store) as server:
        said = say("bench", server.url, "--cache", tmp_path / "cache", "--cache-limit", "1kB")
    assert said.code == 2
    assert "largest shard" in said.err


@pytest.mark.parametrize("path", ["nothing", "nosuch://example.org/x"])
def test_what_is_not_there_or_no_address_is_a_mistake(say, tmp_path, path) -> None:
    said = say("bench", tmp_path / path if "://" not in path else path)
    assert said.code == 2
    assert "nothing" in said.err or "must be a folder, an address" in said.err


@pytest.mark.skipif(os.name != "posix", reason="sends signals to a group of processes")
@pytest.mark.parametrize("workers", [0, 1])
def test_ctrl_c_stops_it(sealed_store, workers) -> None:
    process = start("bench", sealed_store, "--seconds", 100, "--workers", workers, start_new_session=True)
    assert process.stderr.readline(1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "voxpress: stopped\n" in err
    # a worker of torch may say on its way out that nobody took its last batch
    assert workers or "Traceback" not in err
