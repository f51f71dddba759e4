"""voxpress: makes, judges, publishes and streams synthetic 3D medical data sets.

Make a data set, pick rows by their attributes, and read voxels::

    import voxpress as vp

    cohort = vp.generate("recipe.yaml", "brains/")
    women = vp.open("brains/").where("age >= 70 and sex == 'F'")
    women[0]["image"]                                              # numpy, (x, y, z)
    rows = vp.load_dataset("brains/", split="train")               # a Hugging Face data set, volumes lazy
    stream = vp.loaders.VolumeStream(women, batch_size=2, patch=(96, 96, 96))

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from . import errors
from .errors import (
    CorruptError,
    DiskFullError,
    FormatError,
    GenerationError,
    PublishError,
    QualityError,
    QueryError,
    RecipeError,
    RemoteError,
    StallError,
    StoreExistsError,
    StoreNotFoundError,
    UnreachableError,
    UnsafePathError,
    VoxpressError,
)

if TYPE_CHECKING:
    from . import builder, cards, generation, loaders, press, quality, store, training
    from .builder import detach, export, fetch, import_volumes, load_dataset, pin
    from .generation.regenerate import regenerate
    from .generation.repair import repair
    from .judging import judge
    from .memorisation import audit
    from .press import generate, generate_finish, generate_share, next_version
    from .release import publish
    from .store import open, verify  # noqa: A004 - read as voxpress.open
    from .store.diff import diff
    from .training import train

__all__ = [
    "CorruptError",
    "DiskFullError",
    "FormatError",
    "GenerationError",
    "PublishError",
    "QualityError",
    "QueryError",
    "RecipeError",
    "RemoteError",
    "StallError",
    "StoreExistsError",
    "StoreNotFoundError",
    "UnreachableError",
    "UnsafePathError",
    "VoxpressError",
    "__version__",
    "audit",
    "builder",
    "cards",
    "detach",
    "diff",
    "errors",
    "export",
    "fetch",
    "generate",
    "generate_finish",
    "generate_share",
    "generation",
    "import_volumes",
    "judge",
    "load_dataset",
    "loaders",
    "next_version",
    "open",
    "pin",
    "press",
    "publish",
    "quality",
    "regenerate",
    "repair",
    "store",
    "train",
    "training",
    "verify",
]

__version__ = "0.1.0"

_ROOMS = frozenset({"builder", "cards", "generation", "loaders", "press", "quality", "store", "training"})
_HOMES = {
    "audit": "memorisation",
    "detach": "builder",
    "diff": "store.diff",
    "export": "builder",
    "fetch": "builder",
    "generate": "press",
    "generate_finish": "press",
    "generate_share": "press",
    "import_volumes": "builder",
    "judge": "judging",
    "load_dataset": "builder",
    "next_version": "press",
    "open": "store",
    "pin": "builder",
    "publish": "release",
    "regenerate": "generation.regenerate",
    "repair": "generation.repair",
    "train": "training",
    "verify": "store",
}


def __getattr__(name: str) -> object:
    # arrow, torch, monai and datasets take seconds to import, so they wait until something of their room is used
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
