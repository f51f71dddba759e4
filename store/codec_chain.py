"""Codecs of an inner chunk: a closed set of Zarr v3's own, so that no name in a file decides what runs.

A chain is a tuple of codec documents as `zarr.json` spells them: `transpose` or not, `bytes`, at most one of `zstd`,
`blosc` and `gzip`, and `crc32c` or not, in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import FormatError
from .parsing import as_list, as_mapping, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CODECS",
    "FAST_CODECS",
    "TRAINING_CODECS",
    "UNCOMPRESSED_CODECS",
    "Codecs",
    "has_checksum",
    "parse_codecs",
    "unpacks_fast",
]

Codecs = tuple[Mapping[str, Any], ...]
"""Documents ``{"name": …, "configuration": {…}}``; `crc32c` has no configuration."""

_COMPRESSORS: Final = ("zstd", "blosc", "gzip")

_BYTES: Final = {"name": "bytes", "configuration": {"endian": "little"}}
_CRC32C: Final = {"name": "crc32c"}
_MOST_CODECS = 4
_MOST_BLOCK_BYTES = 2**31 - 1


def _lz4(itemsize: int) -> Codecs:
    # the bytes of one-byte values are in order already
    shuffle = "shuffle" if itemsize > 1 else "noshuffle"
    settings = {"blocksize": 0, "clevel": 5, "cname": "lz4", "shuffle": shuffle, "typesize": itemsize}
    return _BYTES, {"name": "blosc", "configuration": settings}, _CRC32C


def _zstd(level: int) -> Codecs:
    return _BYTES, {"name": "zstd", "configuration": {"checksum": False, "level": level}}, _CRC32C


CODECS: Final[Codecs] = _zstd(1)
"""Of what is published, unless told otherwise, and the only ones of format version 1."""

TRAINING_CODECS: Final[Mapping[str, Codecs]] = {"uint8": _lz4(1), "uint16": _lz4(2), "int16": _lz4(2)}
"""dtype → codecs of a local copy that is read again and again: fast to decode rather than small."""

FAST_CODECS: Final[Codecs] = _zstd(-1)
"""Of a local copy that patches are read from: below level 0 zstd leaves literals as they are, so that images are
unpacked about three times as fast as at level 1; and one call unpacks many chunks (docs/format.md)."""

UNCOMPRESSED_CODECS: Final[Codecs] = (_BYTES, _CRC32C)
"""For disks and networks that are faster than any decoder."""


def parse_codecs(value: Any, where: str) -> Codecs:
    """Parse a chain that is not trusted.

    Args:
        value: a list (or tuple) of documents.
        where: prefix of error messages.

    Returns:
        the same documents, with nothing in them that this package does not know.

    Raises:
        FormatError: a codec is unknown or out of order, or one of its settings is missing, unknown or out of range.
    """
    documents = as_list(list(value) if isinstance(value, tuple) else value, where, most=_MOST_CODECS)
    names = []
    for document in documents:
        fields = as_mapping(document, where)
        names.append(fields.get("name"))
        _check_document(fields, where)
    _check_sequence(names, where)
    return tuple(documents)


def has_checksum(codecs: Codecs) -> bool:
    """Whether a chunk ends in its crc32c."""
    return bool(codecs[-1]["name"] == "crc32c")


def unpacks_fast(codecs: Codecs) -> bool:
    """Whether nothing in a chain codes entropy, which takes most of the time where it is done: a rule of thumb."""
    for codec in codecs:
        settings = codec.get("configuration", {})
        if codec["name"] == "gzip" or (codec["name"] == "zstd" and settings["level"] >= 0):
            return False
        if codec["name"] == "blosc" and settings["cname"] in {"zstd", "zlib"}:
            return False
    return True


def _check_sequence(names: Sequence[Any], where: str) -> None:
    rest = list(names)
    if rest[:1] == ["transpose"]:
        del rest[0]
    if rest[-1:] == ["crc32c"]:
        del rest[-1]
    if rest[:1] != ["bytes"] or len(rest) > 2 or (len(rest) == 2 and rest[1] not in _COMPRESSORS):
        msg = (
            f"{where} must be transpose (or not), bytes, at most one of {', '.join(_COMPRESSORS)}, "
            f"and crc32c (or not), in this order, got {str(names)[:200]}"
        )
        raise FormatError(msg)


def _check_document(fields: dict[str, Any], where: str) -> None:
    name = fields.get("name")
    if not isinstance(name, str) or name not in _SETTINGS:
        msg = f"{where} names the codec {str(name)[:100]!r}; the known ones are {', '.join(_SETTINGS)}"
        raise FormatError(msg)
    settings = _SETTINGS[name]
    refuse_unknown(fields, ("name", "configuration") if settings else ("name",), f"{where}: {name}")
    if not settings:
        return
    given = as_mapping(fields["configuration"], f"{where}: {name}")
    refuse_unknown(given, settings, f"{where}: {name}")
    for setting, (holds, meaning) in settings.items():
        if not holds(given[setting]):
            msg = f"{where}: {setting} of {name} must be {meaning}, got {str(given[setting])[:100]!r}"
            raise FormatError(msg)


_Rule = tuple[Callable[[Any], bool], str]


def _integer(low: int, high: int) -> _Rule:
    # `type` and not `isinstance`: True is no level
    return lambda value: type(value) is int and low <= value <= high, f"an integer from {low} to {high}"


def _one_of(*choices: str) -> _Rule:
    return lambda value: isinstance(value, str) and value in choices, f"one of {', '.join(choices)}"


def _is_order(value: Any) -> bool:
    return isinstance(value, list) and all(type(axis) is int for axis in value) and sorted(value) == [0, 1, 2, 3]


_SETTINGS: Final[Mapping[str, Mapping[str, _Rule]]] = {
    "transpose": {"order": (_is_order, "an order of the axes 0, 1, 2, 3")},
    "bytes": {"endian": _one_of("little")},
    "zstd": {
        "level": _integer(-131_072, 22),
        "checksum": (lambda value: isinstance(value, bool), "true or false"),
    },
    "blosc": {
        "cname": _one_of("lz4", "zstd", "lz4hc", "blosclz", "zlib"),
        "clevel": _integer(0, 9),
        "shuffle": _one_of("noshuffle", "shuffle", "bitshuffle"),
        "typesize": _integer(1, 255),
        "blocksize": _integer(0, _MOST_BLOCK_BYTES),
    },
    "gzip": {"level": _integer(0, 9)},
    "crc32c": {},
}
"""Codec → its settings, all of them needed: one spelling of a chain, one digest of a data set."""
