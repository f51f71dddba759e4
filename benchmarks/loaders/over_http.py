"""Volumes and patches from a server that is 20 ms away, voxpress beside its peers.

python benchmarks/loaders/over_http.py [--data DIR] [--volumes 64] [--rounds 3] [--delay-ms 20] [--write]
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import peers
import peers_http
from data import FEW, Data, arguments
from documents import PERFORMANCE, machine, table, write_section
from measuring import Found, Reader, Station, check_patches, check_volumes, checked, number, ratio, warm_alone
from server import Server

if TYPE_CHECKING:
    from pathlib import Path

PATCH = (96, 96, 96)
_OURS, _OURS_PATCHES, _OURS_BARS = "voxpress, zstd", "voxpress, slabs of 20, zstd", "voxpress, bars, zstd-fast"
_TIMEOUT_S = 120


def _volumes(count: int) -> list[Reader]:
    few = [
        Reader("WebDataset nii.gz, 2 workers", "webdataset-nii", partial(peers_http.webdataset, kind="nii.gz")),
        Reader("zarr-python + obstore, (80,112,80), 8 threads", "zarr", peers_http.zarr_obstore),
        Reader("nii.gz, 8 threads", "nifti", partial(peers_http.nifti, count=count)),
        Reader("Hugging Face Nifti, 2 workers", "hf-nifti", peers_http.huggingface),
    ]
    return [
        Reader(_OURS, "voxpress-zstd", peers.voxpress),
        Reader("TensorStore, slabs of 20, 8 ahead", "tensorstore", peers.tensorstore_ahead),
        Reader("MDS zstd, 2 workers", "mds-zstd", peers_http.mds),
        Reader("WebDataset npy, 2 workers", "webdataset-npy", peers_http.webdataset),
        Reader("zarr-python + obstore, slabs of 20, 8 threads", "zarr-slab", peers_http.zarr_obstore),
        *(few if count <= FEW else ()),
    ]


def _patches(count: int) -> list[Reader]:
    of = partial(partial, patch=PATCH)
    few = [Reader("zarr-python + obstore, bars, 8 threads", "zarr-bar", of(peers_http.zarr_obstore))]
    return [
        Reader(_OURS_PATCHES, "voxpress-zstd", of(peers.voxpress, shuffle=True)),
        Reader("voxpress, bars, zstd", "voxpress-zstd-bar", of(peers.voxpress, shuffle=True)),
        Reader(_OURS_BARS, "voxpress-fast-bar", of(peers.voxpress, shuffle=True)),
        Reader("TensorStore, slabs of 20, 8 ahead", "tensorstore", of(peers.tensorstore_ahead)),
        Reader("TensorStore, bars, zstd-fast, 8 ahead", "tensorstore-fast-bar", of(peers.tensorstore_ahead)),
        Reader("zarr-python + obstore, slabs of 20, 8 threads", "zarr-slab", of(peers_http.zarr_obstore)),
        Reader("zarr-python + obstore, slabs of 20, zstd-fast, 8 threads", "zarr-fast", of(peers_http.zarr_obstore)),
        *(few if count <= FEW else ()),
    ]


def _run(readers: list[Reader], server: Server, data: Data, rounds: int) -> dict[str, Found]:
    folders = {reader.name: data.format(reader.format) for reader in readers}
    warmed: Path | None = None
    stations = {r.name: Station(r, f"{server.url}/{r.format}") for r in readers}
    found = {name: Found(extra={"requests": [], "MB": [], "after": []}) for name in stations}
    try:
        for turn in range(rounds + 1):
            for name in stations if turn % 2 == 0 else list(stations)[::-1]:
                one = found[name]
                if one.error:
                    continue
                if data.volumes > FEW and warmed != folders[name]:
                    # the server should not have to wait for its disk
                    warmed = folders[name]
                    warm_alone(warmed, folders.values())
                server.asked()
                try:
                    count, total_s, first_s = stations[name].ask("fresh", timeout_s=_TIMEOUT_S)
                except RuntimeError as error:
                    one.error = str(error)
                    print(f"{name} failed: {error}", file=sys.stderr, flush=True)
                    continue
                asked = server.asked()
                if count != data.volumes:
                    one.error = f"{count} of {data.volumes} samples came"
                    print(f"{name}: {one.error}", file=sys.stderr, flush=True)
                    continue
                # the first time imports what it needs, so it does not count
                if turn == 0:
                    continue
                one.rates.append(count / total_s)
                one.first_s.append(first_s)
                one.extra["after"].append((count - peers.BATCH) / (total_s - first_s))
                one.extra["requests"].append(asked.requests / count)
                one.extra["MB"].append(asked.bytes / count / 1e6)
            print(f"round {turn} of {rounds} done", file=sys.stderr, flush=True)
    finally:
        for station in stations.values():
            station.close()
    return found


def _table(found: dict[str, Found], mine: list[str], what: str, one_of: str) -> str:
    def median(values: list[float]) -> str:
        return number(statistics.median(values)) if values else "failed"

    rows: list[list[object]] = [
        [
            name,
            median(one.rates),
            median(one.extra["after"]),
            median(one.extra["requests"]),
            median(one.extra["MB"]),
            median(one.first_s),
            *(number(ratio(found[ours], one)) if ours in found else "" for ours in mine),
        ]
        for name, one in found.items()
    ]
    header = [f"{what}/s", "from opening to the end", "after the first batch", f"requests a {one_of}"]
    return table([*header, f"MB a {one_of}", "first batch after opening, s", *(f"{ours} ÷ it" for ours in mine)], rows)


def _asked(volumes: dict[str, Found], patches: dict[str, Found]) -> str:
    rows: list[list[object]] = []

    def ask(text: str, found: dict[str, Found], mine: str, part: tuple[str, ...], least: float) -> None:
        theirs = [name for name in found if name.startswith(part) and found[name].rates]
        if not theirs or mine not in found or not found[mine].rates:
            rows.append([text, "–", "not measured", ""])
            return
        best = max(theirs, key=lambda name: found[name].rate)
        times = ratio(found[mine], found[best])
        rows.append([text, best, f"{number(times)}×", "yes" if times >= least else "**no**"])

    def limit(text: str, values: list[float], most: float) -> None:
        if values:
            value = statistics.median(values)
            rows.append([text, "", number(value), "yes" if value <= most else "**no**"])

    ask("volumes: ≥ 1.5× the best of MDS and WebDataset", volumes, _OURS, ("MDS", "WebDataset"), 1.5)
    ask("volumes: ≥ 2.5× zarr-python with obstore", volumes, _OURS, ("zarr-python",), 2.5)
    ask("patches: ≥ 8× zarr-python", patches, _OURS_PATCHES, ("zarr-python",), 8)
    ask("patches: ≥ 8× zarr-python, bars, zstd-fast", patches, _OURS_BARS, ("zarr-python",), 8)
    for found, mine, what in ((volumes, _OURS, "volume"), (patches, _OURS_PATCHES, "patch")):
        if mine in found:
            limit(f"≤ 1.2 requests a {what}", found[mine].extra["requests"], 1.2)
            limit(f"first batch within 0.3 s of opening ({what})", found[mine].first_s, 0.3)
    return table(["asked", "closest", "found", "reached"], rows)


def main() -> None:
    """Measures and tells."""
    parser = arguments(__doc__)
    parser.add_argument("--delay-ms", type=float, default=20)
    args = parser.parse_args()
    data = Data(args.data, args.volumes)
    data.digests()
    chosen: dict[str, Any] = {"volumes": _volumes(args.volumes), "patches": _patches(args.volumes)}
    chosen = {
        w: [r for r in rs if not args.only or any(part in r.name for part in args.only)] for w, rs in chosen.items()
    }
    for reader in (reader for readers in chosen.values() for reader in readers):
        names = sorted(path.name for path in data.format(reader.format).iterdir())
        (data.folder / f"{reader.format}.json").write_text(json.dumps(names))
    server = Server(data.folder, data.root / "nginx", delay_s=args.delay_ms / 1000)
    try:
        for what, readers in chosen.items():
            for reader in readers:
                station = Station(reader, f"{server.url}/{reader.format}")
                checked(reader.name, station, data, check_volumes if what == "volumes" else check_patches)
                station.close()
        found = {what: _run(readers, server, data, args.rounds) for what, readers in chosen.items()}
    finally:
        server.close()
        shutil.rmtree(peers_http.MDS_LOCAL, ignore_errors=True)
    text = (
        f"Machine: {machine()}. nginx on loopback that waits {args.delay_ms:g} ms before each answer, with no limit of "
        f"bandwidth; it uses the same cores. {args.volumes} volumes of 160×224×160 uint8, batches of 2, one epoch from "
        f"opening to the end with nothing kept, {args.rounds} rounds in which the readers take turns, median; imports "
        "do not count. The server has all files in memory. Requests and bytes are those of its log. Every reader gave "
        "the right voxels before it was timed. LitData has no plain HTTP.\n\n"
        + _table(found["volumes"], [_OURS], "volumes", "volume")
        + f"\n\nPatches of {PATCH[0]}³, one a volume; bars are chunks of (16,28,160):\n\n"
        + _table(found["patches"], [_OURS_PATCHES, _OURS_BARS], "patches", "patch")
        + "\n\n"
        + _asked(found["volumes"], found["patches"])
    )
    print(text)
    if args.write:
        write_section(PERFORMANCE, "loaders-http" + (f"-{args.volumes}" if args.volumes != 64 else ""), text)


if __name__ == "__main__":
    main()
