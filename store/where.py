"""Expressions that pick rows: ``age >= 70 and sex == 'F'``.

The text is parsed as Python and only what is listed here is translated to Arrow; nothing is ever executed:

* columns by name; numbers, strings, ``True`` and ``False``;
* ``== != < <= > >=``, also chained (``70 <= age < 80``); ``+ - * /`` and unary minus;
* ``in`` and ``not in`` a list of constants; ``is None`` and ``is not None``;
* ``and``, ``or``, ``not``, parentheses.

A comparison with a missing value is neither true nor false, so that the row is not picked.
"""

from __future__ import annotations

import ast
import difflib
import math
import operator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["matching_rows", "named_columns", "parse"]

_LONGEST_TEXT = 100_000
_DEEPEST = 40
_SHORT = 60

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    # of floats: Arrow would cut the quotient of two integers
    ast.Div: lambda left, right: left.cast(pa.float64()) / right.cast(pa.float64()),
}


def parse(text: str, schema: pa.Schema) -> pc.Expression:
    """Translate an expression.

    Args:
        text: for example ``age >= 70 and diagnosis in ['AD', 'MCI']``.
        schema: of the table; columns that hold structures cannot be named.

    Returns:
        an Arrow expression that gives a boolean for each row of a table with that schema.

    Raises:
        QueryError: not an expression, more than what is listed above, an unknown column, types that do not fit, or
            a text that is too long or too deep.
    """
    if len(text) > _LONGEST_TEXT:
        msg = f"an expression may have {_LONGEST_TEXT} characters, got {len(text)}; use Cohort.select with indices"
        raise QueryError(msg)
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        msg = f"cannot parse {text[:_SHORT]!r} ({error}); write for example \"age >= 70 and sex == 'F'\""
        raise QueryError(msg) from error
    plain = pa.schema([field for field in schema if not pa.types.is_nested(field.type)])
    expression = _Translation(plain).translate(tree.body, 0)
    _check_types(expression, plain, text)
    return expression


def named_columns(text: str, schema: pa.Schema) -> list[str]:
    """Columns that an expression is about.

    Raises:
        QueryError: as `parse`.
    """
    parse(text, schema)
    names = {node.id for node in ast.walk(ast.parse(text.strip(), mode="eval")) if isinstance(node, ast.Name)}
    return [name for name in schema.names if name in names]


def matching_rows(table: pa.Table, text: str) -> Any:
    """Positions of the rows for which an expression is true, as sorted int64 numpy values.

    Raises:
        QueryError: as `parse`.
    """
    import numpy as np

    expression = parse(text, table.schema)
    # filtering copies the columns that it is given
    plain = table.select(named_columns(text, table.schema))
    position = "row" + "_" * (1 + max(map(len, plain.schema.names), default=0))
    plain = plain.append_column(position, pa.array(np.arange(len(table), dtype=np.int64)))
    try:
        return np.sort(plain.filter(expression)[position].to_numpy())
    except pa.ArrowException as error:
        raise _misfit(text, error) from error


def _check_types(expression: pc.Expression, schema: pa.Schema, text: str) -> None:
    """Bind the expression to no rows at all, which is when Arrow finds that types do not fit."""
    try:
        schema.empty_table().filter(expression)
    except (pa.ArrowException, TypeError) as error:
        raise _misfit(text, error) from error


def _misfit(text: str, error: Exception) -> QueryError:
    reason = str(error).splitlines()[0][:200]
    return QueryError(f"{text[:_SHORT]!r} does not fit the columns, or is no condition: {reason}; quote strings")


class _Translation:
    """From Python's syntax tree to Arrow, one method a kind of node."""

    def __init__(self, schema: pa.Schema) -> None:
        self._columns = schema.names

    def translate(self, node: ast.expr, depth: int) -> Any:
        if depth > _DEEPEST:
            msg = f"the expression is nested more than {_DEEPEST} deep; use several calls of where"
            raise QueryError(msg)
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise _refuse(node)
        return method(node, depth + 1)

    def _name(self, node: ast.Name, _: int) -> Any:
        if node.id in self._columns:
            return pc.field(node.id)
        near = difflib.get_close_matches(node.id, self._columns, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        msg = f"there is no column {node.id[:_SHORT]!r}; {hint}The columns are {', '.join(self._columns)[:1000]}"
        raise QueryError(msg)

    def _constant(self, node: ast.Constant, _: int) -> Any:
        return pc.scalar(_constant(node))

    def _boolop(self, node: ast.BoolOp, depth: int) -> Any:
        combine = operator.and_ if isinstance(node.op, ast.And) else operator.or_
        parts = [self.translate(value, depth) for value in node.values]
        return _balanced(combine, parts)

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> Any:
        if isinstance(node.op, ast.Not):
            return ~self.translate(node.operand, depth)
        if isinstance(node.op, ast.USub):
            if isinstance(node.operand, ast.Constant):
                return pc.scalar(_constant(node))
            return pc.scalar(0) - self.translate(node.operand, depth)
        raise _refuse(node)

    def _binop(self, node: ast.BinOp, depth: int) -> Any:
        if type(node.op) not in _ARITHMETIC:
            raise _refuse(node)
        return _ARITHMETIC[type(node.op)](self.translate(node.left, depth), self.translate(node.right, depth))

    def _compare(self, node: ast.Compare, depth: int) -> Any:
        operands = [node.left, *node.comparators]
        parts = [
            self._comparison(op, left, right, depth)
            for op, left, right in zip(node.ops, operands[:-1], operands[1:], strict=True)
        ]
        return _balanced(operator.and_, parts)

    def _comparison(self, op: ast.cmpop, left: ast.expr, right: ast.expr, depth: int) -> Any:
        subject = self.translate(left, depth)
        if isinstance(op, ast.In | ast.NotIn):
            found = subject.isin(_values(right))
            return found if isinstance(op, ast.In) else ~found & subject.is_valid()
        if isinstance(op, ast.Is | ast.IsNot):
            if not (isinstance(right, ast.Constant) and right.value is None):
                raise _refuse(right)
            return subject.is_null() if isinstance(op, ast.Is) else subject.is_valid()
        return _COMPARISONS[type(op)](subject, self.translate(right, depth))


def _balanced(combine: Callable[[Any, Any], Any], parts: list[Any]) -> Any:
    """Combine as a tree of low height, since Arrow walks it by recursion."""
    while len(parts) > 1:
        pairs = [combine(*parts[i : i + 2]) for i in range(0, len(parts) - 1, 2)]
        parts = pairs + parts[len(pairs) * 2 :]
    return parts[0]


def _values(node: ast.expr) -> pa.Array:
    if not isinstance(node, ast.List | ast.Tuple | ast.Set) or not node.elts:
        raise _refuse(node)
    values = [_constant(element) for element in node.elts]
    try:
        return pa.array(values)
    except pa.ArrowException as error:
        msg = f"the values after `in` must all be of one type, got {str(values)[:200]}"
        raise QueryError(msg) from error


def _constant(node: ast.expr) -> Any:
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool | str) and sign == 1:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value < 2**63:
        return sign * value
    if isinstance(value, float) and math.isfinite(value):
        return sign * value
    if value is None and isinstance(node, ast.Constant):
        msg = "compare with None by `is None` or `is not None`"
        raise QueryError(msg)
    raise _refuse(node)


def _refuse(node: ast.expr) -> QueryError:
    msg = (
        f"{ast.unparse(node)[:_SHORT]!r} is not allowed here; an expression may hold columns, constants, comparisons, "
        "in [...], is None, arithmetic, and, or, not"
    )
    return QueryError(msg)
