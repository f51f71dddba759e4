"""YAML for recipes: what a person wrote is what is read, or an error that names the line.

Stricter than PyYAML's safe loader where that one surprises: a key given twice is an error rather than the last
one winning, ``20:50`` is text rather than a number in base 60, ``010`` is text rather than 8, and ``1e5`` is a
number. Aliases are refused, which also refuses texts that grow without bound when they are unfolded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from ..errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_BYTES", "dump_mapping", "read_mapping", "read_value"]

MAX_BYTES = 1 << 20
_MAX_DEPTH = 20

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)$")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|Inf|INF))$"
    r"|\.(?:nan|NaN|NAN)$"
)
# yes, no, on and off stay truth values, as other YAML readers take them, so that the recipe's checks can name the trap
_TRUTH = re.compile(
    r"(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$",
)
_NULL = re.compile(r"(?:~|null|Null|NULL|)$")


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML's own class attribute; filled below
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise self._refused("aliases (*name) are not taken in a recipe")
        if self.depth >= _MAX_DEPTH:
            raise self._refused(f"nested more than {_MAX_DEPTH} deep")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def _refused(self, problem: str) -> yaml.MarkedYAMLError:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        return _marked(problem, event.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) == len(node.value):
            return mapping
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise _marked(f"the key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return mapping


class _Dumper(yaml.SafeDumper):
    """Quotes every text that either this loader or an ordinary YAML 1.1 reader would not read as text."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", _TRUTH, "yYnNtTfFoO"),
    ("tag:yaml.org,2002:float", _FLOAT, "-+0123456789."),
    ("tag:yaml.org,2002:int", _INTEGER, "-+0123456789"),
    ("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(_tag, _pattern, list(_first))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def read_mapping(text: str, *, source: str = "the recipe") -> dict[Any, Any]:
    """Reads a YAML text that must hold one mapping.

    Args:
        text: the YAML, at most `MAX_BYTES` in UTF-8.
        source: what errors call the text.

    Raises:
        RecipeError: too large, not YAML, a key given twice, an alias, or not a mapping.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        msg = f"{source} must be at most {MAX_BYTES} bytes of YAML, got {size}"
        raise RecipeError(msg)
    data = read_value(text, source=source)
    if not isinstance(data, dict):
        msg = f"{source} must be a YAML mapping of fields (name: …, samples: …), got {type(data).__name__}"
        raise RecipeError(msg)
    return data


def read_value(text: str, *, source: str) -> Any:
    """Reads a YAML text that may hold anything, with the same rules.

    Raises:
        RecipeError: the text is not YAML as recipes take it.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # a safe loader, made stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = ": ".join(part for part in (error.context, error.problem) if part)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        msg = f"{source} is not well-formed YAML: {where}{told}"
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        msg = f"{source} is not well-formed YAML: {' '.join(str(error).split())}"
    raise RecipeError(msg)


def dump_mapping(mapping: Mapping[str, Any]) -> str:
    """Writes a mapping in its own order, innermost collections on one line; `read_mapping` reads back the same."""
    text: str = yaml.dump(
        dict(mapping), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=116
    )
    return text


def _marked(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
