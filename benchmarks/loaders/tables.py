"""What the scripts that compare readers share: from results to tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data import folder_bytes
from documents import table
from measuring import Found, Reader, number, ratio

if TYPE_CHECKING:
    from data import Data

__all__ = ["Goal", "Row", "goals", "readers_of", "rows_of", "table_of"]

Row = tuple[str, str, Any, tuple[int, ...], bool]
"""Name, format, maker that takes `workers` if it has more than 0 of them, workers, whether with many volumes too."""
Goal = tuple[str, tuple[str, int], list[str], "int | None", float]
"""What is asked, our reader, theirs, with how many workers (None: the faster), how many times as fast at least."""
Results = dict[tuple[str, int], Found]


def readers_of(rows: list[Row], *, only: list[str], many: bool = False) -> list[Reader]:
    """The readers of a table's rows."""
    from functools import partial

    return [
        Reader(name, form, partial(maker, workers=w) if len(workers) > 1 or w else maker, w)
        for name, form, maker, workers, _ in rows_of(rows, only=only, many=many)
        for w in workers
    ]


def rows_of(rows: list[Row], *, only: list[str], many: bool = False) -> list[Row]:
    """The rows that are asked for by parts of their names, all if nothing is; with many volumes, those meant for it."""
    return [row for row in rows if (row[-1] or not many) and (not only or any(part in row[0] for part in only))]


def table_of(rows: list[Row], found: Results, data: Data, *, unit: str, mine: list[tuple[str, int]]) -> str:
    """One line a row; rates with 0 and 2 workers; how many times as fast as the better of them ours are."""
    lines: list[list[object]] = []
    for name, form, *_ in rows:
        by = [found.get((name, w)) for w in (0, 2)]
        if not any(by):
            lines.append([name, "not measured", *[""] * (2 + len(mine))])
            continue
        rates = [number(one.rate) if one and one.rates else ("failed" if one else "") for one in by]
        best = max((one for one in by if one and one.rates), key=lambda one: one.rate, default=None)
        times = [number(ratio(found[key], best)) if best and key in found else "" for key in mine]
        lines.append([name, *rates, f"{folder_bytes(data.format(form)) / data.volumes / 1e6:.2f}", *times])
    header = [f"reader, {unit}", "0 workers", "2 workers", "MB a volume on disk"]
    return table([*header, *(f"{name} ÷ its best" for name, _ in mine)], lines)


def goals(found: Results, asked: list[Goal]) -> str:
    """The questions, each with the peer that comes closest."""
    lines: list[list[object]] = []
    for text, mine, names, workers, least in asked:
        theirs = [key for key in found if key[0] in names and workers in (None, key[1]) and found[key].rates]
        if not theirs or mine not in found or not found[mine].rates:
            lines.append([text, "–", "not measured", ""])
            continue
        best = max(theirs, key=lambda key: found[key].rate)
        times = ratio(found[mine], found[best])
        lines.append([text, f"{best[0]}, {best[1]} workers", number(times), "yes" if times >= least else "**no**"])
    return table(["asked", "closest", "times as fast", "reached"], lines)
