"""What `voxpress bench` found, as plain data and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .console import aligned, number, printable, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..loaders.measuring import Measured
    from ..store import ArraySpec, Cohort

__all__ = ["facts_of", "lines_of"]

_MB: Final = 1e6
_THERE: Final = 0.9
"""Share of the files in memory from which the disk plays no part."""
_DIFFERENT: Final = 1.25
"""Later passes are told apart from the first if they are so many times as fast, or the first is."""


def facts_of(
    cohort: Cohort,
    measured: Sequence[tuple[Measured, float]],
    *,
    opened_s: float,
    in_memory: float | None,
    order: str,
    dtype: str,
) -> dict[str, Any]:
    """All that was found, for programs.

    Args:
        cohort: that was read.
        measured: each with the items a second that the cores can decode.
        opened_s: seconds to open the data set.
        in_memory: share of its files that was in memory before; None if it is not known.
        order: name of the order, as it was asked for.
        dtype: `stored` or `float32`.
    """
    from ..store.threads import available_cpus

    return {
        "name": cohort.manifest.name,
        "version": cohort.manifest.version,
        "path": cohort.url,
        "remote": cohort.store.source.remote,
        "cached": cohort.store.reader.cache is not None,
        "samples": len(cohort),
        "cores": available_cpus(),
        "in_memory_before": in_memory,
        "opened_s": opened_s,
        "order": order,
        "dtype": dtype,
        "measurements": [_measurement(cohort, found, limit, order, dtype) for found, limit in measured],
    }


def _measurement(cohort: Cohort, found: Measured, decode_limit: float, order: str, dtype: str) -> dict[str, Any]:
    from ..loaders.advice import advice
    from ..loaders.bottleneck import verdict

    usage, items = found.usage, found.read_items
    said = verdict(usage)
    return {
        "patch": found.patch and list(found.patch),
        "batch_size": found.batch_size,
        "keys": list(found.keys),
        "threads": usage.threads,
        "workers": usage.workers,
        "samples_per_s": found.rate,
        "decoded_bytes_per_s": found.rate * found.item_bytes,
        "first_batch_s": found.first_batch_s,
        "requests_per_sample": found.requests_per_item,
        "read_bytes_per_sample": found.bytes_per_item,
        "decoded_bytes_per_wanted": found.amplification,
        "decode_limit_samples_per_s": decode_limit,
        "thread_s_per_sample": {phase: spent / items for phase, (spent, _) in usage.seconds.items()},
        "cpu_s_per_sample": {phase: computed / items for phase, (_, computed) in usage.seconds.items()},
        "cores_busy": usage.busy,
        "batches": usage.batches,
        "batches_ahead": usage.ahead,
        "passes": [
            {"samples": each.items, "seconds": each.seconds, "requests": each.requests, "bytes": each.bytes}
            for each in found.passes
        ],
        "limit": said.limit,
        "because": said.because,
        "advice": advice(said.limit, _setting(cohort, found, decode_limit, order, dtype)),
    }


def _setting(cohort: Cohort, found: Measured, decode_limit: float, order: str, dtype: str) -> Any:
    from ..loaders.advice import Setting
    from ..store.codec_chain import unpacks_fast

    usage, specs = found.usage, [cohort.specs[key] for key in found.keys]
    return Setting(
        remote=usage.remote,
        cached=usage.cached,
        fast_codecs=all(unpacks_fast(spec.codecs) for spec in specs),
        patch=found.patch is not None,
        order=order,
        converted=dtype != "stored" and any(spec.kind == "image" for spec in specs),
        threads=usage.threads,
        cores=usage.cores,
        workers=usage.workers,
        requests=found.requests_per_item,
        request_bytes=usage.counts.bytes / max(1.0, usage.counts.requests),
        amplification=found.amplification,
        in_patch_chunks=1.0 if found.patch is None else _in_patch_chunks(specs[0], found.patch),
        slabs=all(spec.chunk[1:] == spec.shape[1:] for spec in specs),
        of_limit=found.rate / decode_limit,
    )


def _in_patch_chunks(spec: ArraySpec, patch: tuple[int, int, int]) -> float:
    from ..loaders.advice import expected_amplification
    from ..store import Packing

    return expected_amplification(patch, Packing(chunk="patch").applied(spec).chunk)


def lines_of(facts: dict[str, Any]) -> list[str]:
    """The same for people."""
    many = facts["measurements"]
    samples = f"{facts['samples']:,} sample{'s' if facts['samples'] > 1 else ''}"
    what = f"{samples}, order {facts['order']}, images as {facts['dtype']}"
    lines = [
        f"{printable(facts['path'])}: {facts['name']} {facts['version']}, {what}",
        f"machine: {facts['cores']} core{'s' if facts['cores'] > 1 else ''}; {_where(facts)}",
        f"opened in {_seconds(facts['opened_s'])}",
        "",
        *aligned(_table(many)),
        "",
    ]
    for each in many:
        lines.append(f"{_name(each)}: limited by {each['limit']}: {each['because']}")
        lines += [f"  try: {line}" for line in each["advice"]]
        if _passes_differ(facts):
            lines += [f"  {line}" for line in _passes(each["passes"])]
    return lines


def _where(facts: dict[str, Any]) -> str:
    if facts["remote"]:
        return "read over the network" + (", with a cache on this machine" if facts["cached"] else "")
    there = facts["in_memory_before"]
    if there is None:
        return "whether the files were in memory before is not known"
    if there >= _THERE:
        return "the files were in memory before, so this says nothing about the disk"
    return f"{there * 100:.0f} % of the files were in memory before; the first pass reads the others from the disk"


def _table(many: Sequence[dict[str, Any]]) -> list[list[str]]:
    rows = [
        ["", *map(_name, many)],
        ["threads", *(_threads(each) for each in many)],
        ["samples/s", *(number(each["samples_per_s"]) for each in many)],
        ["  cores can decode", *(number(each["decode_limit_samples_per_s"]) for each in many)],
        ["MB/s decoded", *(number(each["decoded_bytes_per_s"] / _MB) for each in many)],
        ["first batch after", *(_seconds(each["first_batch_s"]) for each in many)],
        ["a sample: requests", *(number(each["requests_per_sample"]) for each in many)],
        ["  read", *(size(each["read_bytes_per_sample"]) for each in many)],
        ["  decoded/wanted", *(number(each["decoded_bytes_per_wanted"]) for each in many)],
    ]
    for phase in many[0]["thread_s_per_sample"]:
        spent = [each["thread_s_per_sample"][phase] for each in many]
        if phase in {"fetching", "decoding", "converting", "batching"} or any(spent):
            rows.append([f"  {phase}", *map(_seconds, spent)])
    return rows


def _name(measurement: dict[str, Any]) -> str:
    if measurement["patch"] is None:
        return "volumes"
    return "patches " + "×".join(map(str, measurement["patch"]))


def _threads(measurement: dict[str, Any]) -> str:
    workers = measurement["workers"]
    return f"{measurement['threads']}" + (f" in {workers} worker{'s' if workers > 1 else ''}" if workers else "")


def _passes_differ(facts: dict[str, Any]) -> bool:
    """Whether later passes find more in a cache, or in memory; else only the start of threads tells them apart."""
    return facts["cached"] if facts["remote"] else (facts["in_memory_before"] or 0) < _THERE


def _passes(passes: Sequence[dict[str, Any]]) -> list[str]:
    """The first pass beside the later ones, where it makes a difference: a cache was filled, or files were read."""
    first, later = passes[0], passes[1:]
    items, seconds = sum(each["samples"] for each in later), sum(each["seconds"] for each in later)
    if not items or not first["seconds"] or not seconds:
        return []
    before, after = first["samples"] / first["seconds"], items / seconds
    if max(before, after) < _DIFFERENT * min(before, after):
        return []
    return [f"first pass {number(before)} samples/s, later ones {number(after)}"]


def _seconds(value: float) -> str:
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
