"""A picture of some samples: three planes of each, with what was ordered written beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageDraw

from .captions import SWATCH, fitted, font_of, legend_lines, printable, wrapped
from .planes import PLANES, Plane, body_slices, cut, edges, focus, window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..store.cohort import Cohort

    Rgb = tuple[int, int, int]
    Size = tuple[int, int]

__all__ = ["Scan", "preview", "preview_cohort"]

# Okabe and Ito's colours, which people with any colour vision can tell apart, in an order that suits a dark ground.
_COLOURS: Final = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167))
_GROUND: Final = (0, 0, 0)
_TEXT: Final = (228, 231, 235)
_FAINT: Final = (141, 149, 159)
_TINT: Final = 0.45
_LARGE: Final = 0.06
"""Labels with more than this part of the labelled voxels are tinted only: outlines of tissues hide the anatomy."""
_GAP: Final = 8
_MARGIN: Final = 20
_FOOTER: Final = "{kind}, not for clinical use. Radiological view: the patient's right is on the left."
_KINDS: Final = {True: "Synthetic data", False: "Scans of real people"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """One sample to show.

    Attributes:
        image: (x, y, z), RAS+, background 0.
        spacing_mm: along x, y and z.
        label: (x, y, z) label map.
        labels: value → name; the value 0 is not drawn.
        title: first line of the caption.
        details: second line.
    """

    image: NDArray[Any]
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    label: NDArray[Any] | None = None
    labels: Mapping[int, str] = field(default_factory=dict)
    title: str = ""
    details: str = ""


def preview(
    scans: Sequence[Scan],
    *,
    columns: int | None = None,
    label_overlay: bool = True,
    panel_height: int = 256,
    synthetic: bool = True,
) -> Image.Image:
    """A mosaic of samples, each with its axial, coronal and sagittal plane at one scale.

    Args:
        scans: what to show, row by row.
        columns: samples side by side; by default one up to three samples, otherwise two.
        label_overlay: outline and tint the labels, with a legend.
        panel_height: pixels of the tallest plane.
        synthetic: whether they show no real person, which the footer says.

    Returns:
        an RGB picture.

    Raises:
        ValueError: nothing to show, or a size below 1.
    """
    if not scans:
        msg = "there is nothing to show: give at least one sample"
        raise ValueError(msg)
    if panel_height < 1 or (columns is not None and columns < 1):
        msg = f"columns and panel_height must be at least 1, got {columns} and {panel_height}"
        raise ValueError(msg)
    scans = _cropped(scans)
    names = _names(scans) if label_overlay else {}
    scale = panel_height / max(_extent(scan, plane)[1] for scan in scans for plane in PLANES)
    outlined = _outlined(scans, names)
    cells = _captioned(scans, [_planes(scan, scale, outlined) for scan in scans])
    mosaic = _mosaic(cells, columns or (1 if len(cells) <= 3 else 2))
    return _framed(mosaic, names, _FOOTER.format(kind=_KINDS[synthetic]))


def preview_cohort(
    cohort: Cohort,
    rows: Sequence[int],
    *,
    captions: Sequence[str] | None = None,
    columns: int | None = None,
    label_overlay: bool = True,
    panel_height: int = 256,
) -> Image.Image:
    """`preview` of some rows of a cohort.

    Args:
        cohort: from `voxpress.open`.
        rows: positions.
        captions: columns of the table to write beside each; by default what was ordered.
        columns: samples side by side, as for `preview`.
        label_overlay: outline and tint the labels.
        panel_height: pixels of the tallest plane.

    Raises:
        IndexError: a row does not exist.
        KeyError: a column of `captions` does not exist.
        CorruptError: the bytes of a volume are missing or wrong.
    """
    scans = [_scan(cohort, row, captions) for row in rows]
    return preview(
        scans,
        columns=columns,
        label_overlay=label_overlay,
        panel_height=panel_height,
        synthetic=cohort.manifest.synthetic,
    )


def _scan(cohort: Cohort, row: int, captions: Sequence[str] | None) -> Scan:
    one = cohort.select([row])
    values = one.table.to_pylist()[0]
    images, labels = ([spec for spec in one.specs.values() if spec.kind == kind] for kind in ("image", "label"))
    image = (images or labels)[0]
    label = labels[0] if labels else None
    return Scan(
        image=one.read(0, image.name),
        spacing_mm=image.spacing_mm,
        label=None if label is None else one.read(0, label.name),
        labels={} if label is None else dict(label.labels or {}),
        title=str(values["sample_id"]),
        details=_details(values, one.conditions if captions is None else captions),
    )


def _details(values: Mapping[str, Any], names: Sequence[str]) -> str:
    unknown = [name for name in names if name not in values]
    if unknown:
        msg = f"captions names {', '.join(map(repr, unknown))}; the table has the columns {', '.join(values)}"
        raise KeyError(msg)
    return ", ".join(f"{name} {_value(values[name])}" for name in names)


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cropped(scans: Sequence[Scan]) -> Sequence[Scan]:
    """Without the empty space that all have around the body."""
    if len({scan.image.shape for scan in scans}) > 1:
        return scans
    box = body_slices([scan.image for scan in scans])
    labels = [None if scan.label is None else scan.label[box] for scan in scans]
    return [replace(scan, image=scan.image[box], label=label) for scan, label in zip(scans, labels, strict=True)]


def _names(scans: Sequence[Scan]) -> dict[int, str]:
    """Label values that are drawn."""
    return {value: name for scan in scans if scan.label is not None for value, name in scan.labels.items() if value}


def _colour(value: int) -> Rgb:
    return _COLOURS[(value - 1) % len(_COLOURS)]


def _extent(scan: Scan, plane: Plane) -> tuple[float, float]:
    """Width and height of a plane in millimetres."""
    across, up = plane.across, plane.up
    return scan.image.shape[across] * scan.spacing_mm[across], scan.image.shape[up] * scan.spacing_mm[up]


def _planes(scan: Scan, scale: float, outlined: Mapping[int, bool]) -> Image.Image:
    """The planes of a sample side by side."""
    at = focus(scan.image, scan.label, scan.labels)
    low, high = window(scan.image)
    grey = [_grey(cut(scan.image, plane, at), low, high, _pixels(scan, plane, scale)) for plane in PLANES]
    labels = [cut(scan.label, plane, at) if scan.label is not None and outlined else None for plane in PLANES]
    panels = [_panel(*parts, outlined) for parts in zip(PLANES, grey, labels, strict=True)]
    width = sum(panel.width for panel in panels) + _GAP * (len(panels) - 1)
    height = max(panel.height for panel in panels)
    picture = Image.new("RGB", (width, height), _GROUND)
    left = 0
    for panel in panels:
        picture.paste(panel, (left, (height - panel.height) // 2))
        left += panel.width + _GAP
    return picture


def _captioned(scans: Sequence[Scan], pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Each picture with its caption above, all with room for the longest."""
    title, font = font_of(15), font_of(13)
    details = [
        wrapped(scan.details, font, picture.width, most=2) for scan, picture in zip(scans, pictures, strict=True)
    ]
    top = 24 + 18 * max(map(len, details))
    cells = []
    for scan, picture, lines in zip(scans, pictures, details, strict=True):
        cell = Image.new("RGB", (picture.width, top + picture.height), _GROUND)
        draw = ImageDraw.Draw(cell)
        draw.text((0, 0), fitted(scan.title, title, cell.width), font=title, fill=_TEXT)
        for number, line in enumerate(lines):
            draw.text((0, 20 + 18 * number), line, font=font, fill=_FAINT)
        cell.paste(picture, (0, top))
        cells.append(cell)
    return cells


def _outlined(scans: Sequence[Scan], names: Mapping[int, str]) -> dict[int, bool]:
    """For each label value that is drawn, whether it is small enough to be outlined; the same in all samples."""
    labels = [scan.label for scan in scans if scan.label is not None]
    sizes = {value: sum(int(np.count_nonzero(label == value)) for label in labels) for value in names}
    return {value: size <= _LARGE * max(1, sum(sizes.values())) or len(sizes) == 1 for value, size in sizes.items()}


def _pixels(scan: Scan, plane: Plane, scale: float) -> Size:
    width, height = _extent(scan, plane)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _grey(voxels: NDArray[Any], low: float, high: float, size: Size) -> Image.Image:
    shades = np.clip((voxels.astype(np.float64) - low) / (high - low), 0, 1)
    return Image.fromarray(np.round(shades * 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


def _panel(plane: Plane, grey: Image.Image, label: NDArray[Any] | None, outlined: Mapping[int, bool]) -> Image.Image:
    """One plane with its labels and the letters of its sides."""
    picture = grey.convert("RGB") if label is None else _overlaid(grey, label, outlined)
    draw = ImageDraw.Draw(picture)
    for text, x, anchor in ((plane.left, 3, "la"), (plane.right, picture.width - 3, "ra")):
        draw.text((x, 3), text, font=font_of(12), fill=_TEXT, anchor=anchor, stroke_width=2, stroke_fill=_GROUND)
    return picture


def _overlaid(grey: Image.Image, label: NDArray[Any], outlined: Mapping[int, bool]) -> Image.Image:
    """Tinted inside, so that light and dark stay as they are; small structures are drawn round in the full colour."""
    shades = np.asarray(grey, dtype=np.float64)[..., None] / 255
    colours = np.repeat(shades * 255, 3, axis=2)
    drawn = np.where(np.isin(label, list(outlined)), label, 0)
    for value, mask in _enlarged(drawn, [0, *outlined], grey.size).items():
        if value == 0:
            continue
        colour = np.asarray(_colour(value), dtype=np.float64)
        colours[mask] += _TINT * ((shades * colour)[mask] - colours[mask])
        if outlined[value]:
            colours[edges(mask)] = colour
    return Image.fromarray(np.round(colours).astype(np.uint8))


def _enlarged(label: NDArray[Any], values: Sequence[int], size: Size) -> dict[int, NDArray[np.bool_]]:
    """Each value's pixels: that whose smoothed area is the largest, so that outlines are not stairs of voxels."""
    areas = (Image.fromarray((label == value).astype(np.uint8) * 255) for value in values)
    strengths = np.stack([np.asarray(area.resize(size, Image.Resampling.BICUBIC)) for area in areas])
    winner = strengths.argmax(axis=0)
    return {value: winner == place for place, value in enumerate(values)}


def _mosaic(cells: Sequence[Image.Image], columns: int) -> Image.Image:
    columns = min(columns, len(cells))
    width, height = max(cell.width for cell in cells), max(cell.height for cell in cells)
    rows = math.ceil(len(cells) / columns)
    step_x, step_y = width + 3 * _GAP, height + 2 * _GAP
    mosaic = Image.new("RGB", (columns * step_x - 3 * _GAP, rows * step_y - 2 * _GAP), _GROUND)
    for place, cell in enumerate(cells):
        row, column = divmod(place, columns)
        mosaic.paste(cell, (column * step_x, row * step_y))
    return mosaic


def _framed(mosaic: Image.Image, names: Mapping[int, str], footer: str) -> Image.Image:
    """With a margin, the legend and the footer, which says whether the data are synthetic."""
    font = font_of(13)
    width = max(mosaic.width, math.ceil(font.getlength(footer)))
    lines = legend_lines(names, font, width)
    top = _MARGIN + mosaic.height + _GAP
    framed = Image.new("RGB", (width + 2 * _MARGIN, top + 22 * (len(lines) + 1) + _MARGIN), _GROUND)
    framed.paste(mosaic, (_MARGIN, _MARGIN))
    draw = ImageDraw.Draw(framed)
    for number, line in enumerate(lines):
        y = top + 22 * number
        for x, value in line:
            left = _MARGIN + x
            draw.rounded_rectangle((left, y + 3, left + 12, y + 15), radius=3, fill=_colour(value))
            draw.text((left + SWATCH, y + 9), printable(names[value]), font=font, fill=_TEXT, anchor="lm")
    draw.text((_MARGIN, top + 22 * len(lines) + 11), footer, font=font, fill=_FAINT, anchor="lm")
    return framed
