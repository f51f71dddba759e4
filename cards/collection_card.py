"""The `README.md` of a collection: several data sets in one repository, each a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dataset_card import filled_splits, header_text, literal, sample_count, size_category
from .licences import NOT_CHOSEN
from .markdown import escape, table
from .notices import NOTICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..store.manifest import Manifest

__all__ = ["collection_card"]

_SYNTHETIC = """\
**All {samples} samples of these {stores} data sets are synthetic. They show no real person, and they are not for
clinical use.**"""

_REAL = """\
**{real} of the {samples} samples of these {stores} data sets are scans of real people. None are for clinical use.** Who
may have them, and for what, is for whoever took them to say."""

_NO_NOTICE = """\
The publisher has not chosen a licence yet. Before people use the data sets, replace `license`, `license_name` and this
paragraph; name the licence of whatever the backends were made from."""


def collection_card(name: str, stores: Mapping[str, Manifest], *, repository: str = "") -> str:
    """Text of the card: a YAML header whose `configs` name the Parquet files of all data sets, then Markdown.

    A pure function.

    Args:
        name: of the collection.
        stores: name of each configuration, which is its folder → manifest.
        repository: `org/name` on the Hub, if it is known, for the examples.

    Returns:
        UTF-8 text, ending with a newline.
    """
    backends = sorted({str(manifest.lock.get("backend", {}).get("name", "")) for manifest in stores.values()})
    notices = [NOTICES[backend] for backend in backends if backend in NOTICES]
    whole = len(notices) == len(backends)
    configs = [
        {
            "config_name": config,
            **({"default": True} if number == 0 else {}),
            "data_files": [
                {"split": split, "path": f"{config}/metadata/{split}-*.parquet"} for split in filled_splits(manifest)
            ],
        }
        for number, (config, manifest) in enumerate(stores.items())
    ]
    samples = sum(map(sample_count, stores.values()))
    real = sum(sample_count(manifest) for manifest in stores.values() if not manifest.synthetic)
    header = {
        "pretty_name": name,
        "license": "other",
        "license_name": notices[0].name if whole and len(notices) == 1 else NOT_CHOSEN,
        **({"license_link": notices[0].link} if whole and len(notices) == 1 else {}),
        "tags": [*(["synthetic"] if real < samples else []), "medical", "3d", "zarr", "voxpress"],
        "size_categories": [size_category(samples)],
        **({} if real else {"annotations_creators": ["machine-generated"]}),
        "configs": configs,
    }
    parts = [
        header_text(header),
        f"# {escape(name)}",
        (_REAL if real else _SYNTHETIC).format(samples=f"{samples:,}", stores=len(stores), real=f"{real:,}"),
        table(("configuration", "version", "samples", "voxels", "spacing (mm)"), map(_row, stores, stores.values())),
        "## Load one",
        _example(repository or f"path/to/{name}", stores),
        "## Licence",
        "\n\n".join(notice.text for notice in notices) if whole else _NO_NOTICE,
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _row(config: str, manifest: Manifest) -> tuple[object, ...]:
    image = next(iter(manifest.specs.values()))
    shape = " x ".join(map(str, image.shape))
    spacing = " x ".join(f"{size:g}" for size in image.spacing_mm)
    return config, manifest.version, f"{sample_count(manifest):,}", shape, spacing


def _example(path: str, stores: Mapping[str, Manifest]) -> str:
    config, manifest = next(iter(stores.items()))
    split = next(iter(filled_splits(manifest)), "train")
    return f"""\
Each folder is a data set of its own, and a configuration of this repository:

```python
import voxpress

rows = voxpress.load_dataset({literal(path)}, {config!r}, split={split!r})
rows[0]["image"].numpy()                     # (x, y, z)
```

With `datasets` alone, `load_dataset` takes the same arguments and gives the table."""
