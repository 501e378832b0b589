"""Expressions in product files, such as `${proxy_buffering and gzip_types != ()}`.

They are parsed by Python's own parser and never run by it: what is not in the list below is
refused when the file is loaded, and what is in it is computed here.

    names of settings, never, numbers, 'text', True, False, None, (lists,)
    and  or  not  ==  !=  <  <=  >  >=  in  not in  A if CONDITION else B  +  -  *  /

Durations and sizes keep their unit: their halves and sums are durations and sizes, their ratios
numbers. What is in a list is found without regard to case, as names of fields and types are.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from harness.errors import did_you_mean, shown
from harness.products.values import Bytes, Seconds, Typed
from harness.units import NEVER

MAX_CHARS: Final = 500

_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: _has(items, item),
    ast.NotIn: lambda item, items: not _has(items, item),
}
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_UNARY: Final = (ast.Not, ast.USub)


class ExpressionError(ValueError):
    """It is not an expression of the kind above, or makes no sense of these values."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression.

    Args:
        text: As it was written.
        tree: What it says; every node of it is in the list.
    """

    text: str
    tree: ast.expr

    @property
    def names(self) -> frozenset[str]:
        """The settings it mentions."""
        nodes = ast.walk(self.tree)
        return frozenset(it.id for it in nodes if isinstance(it, ast.Name)) - {NEVER}

    @property
    def has_number(self) -> bool:
        """Whether a number is written in it."""
        constants = (it.value for it in ast.walk(self.tree) if isinstance(it, ast.Constant))
        return any(isinstance(it, int | float) and not isinstance(it, bool) for it in constants)

    def value(self, names: Mapping[str, Typed]) -> Typed:
        """Compute it.

        Raises:
            ExpressionError: A name is unknown, or an operation makes no sense of its values.
        """
        try:
            return _value(self.tree, names)
        except (TypeError, ArithmeticError) as error:
            raise ExpressionError(f"{self.text}: {error}") from None


@lru_cache(maxsize=2048)
def parse(text: str) -> Expression:
    """Parse an expression.

    Raises:
        ExpressionError: It has something in it that is not in the list above.
    """
    if len(text) > MAX_CHARS:
        raise ExpressionError(f"expected at most {MAX_CHARS} characters, got {len(text)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python merely doubts, such as 1if, is a mistake
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, Warning, ValueError, RecursionError, MemoryError):
        # `$name` is for settings of a fault; within an expression a name is a name.
        hint = f"; did you mean {shown(text.replace('$', ''))}?" if "$" in text else ""
        raise ExpressionError(f"expected an expression, got {shown(text)}{hint}") from None
    for node in _nodes(tree):
        if not _is_allowed(node):
            what = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
            raise ExpressionError(f"{shown(what)} has no place in an expression")
    return Expression(text, tree)


def _nodes(tree: ast.expr) -> Iterator[ast.AST]:
    """Every node, outer ones first; contexts (all of them loads) apart."""
    return (node for node in ast.walk(tree) if not isinstance(node, ast.expr_context))


def _is_allowed(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return value is None or type(value) in {str, int, float, bool}
        case ast.Name() | ast.Tuple() | ast.List() | ast.IfExp():
            return True
        case ast.BoolOp() | ast.UnaryOp() | ast.BinOp() | ast.Compare():
            return True
        case _:
            return isinstance(node, (ast.boolop, *_UNARY, *_COMPARISONS, *_ARITHMETIC))


def _value(node: ast.expr, names: Mapping[str, Typed]) -> Typed:
    match node:
        case ast.Constant(value=constant):
            assert constant is None or isinstance(constant, str | int | float)
            return constant
        case ast.Name(id=name):
            return _named(name, names)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_value(item, names) for item in items)
        case ast.IfExp(test=test, body=body, orelse=other):
            return _value(body if _value(test, names) else other, names)
        case ast.BoolOp(op=op, values=parts):
            value: Typed = None
            for part in parts:
                value = _value(part, names)
                if bool(value) is isinstance(op, ast.Or):
                    break
            return value
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, names)
        case ast.UnaryOp(operand=operand):
            return _arithmetic(operator.sub, 0, _value(operand, names))
        case ast.Compare(left=first, ops=ops, comparators=others):
            left = _value(first, names)
            for comparison, other in zip(ops, others, strict=True):
                right = _value(other, names)
                if not _COMPARISONS[type(comparison)](left, right):
                    return False
                left = right
            return True
        case ast.BinOp(left=left_node, op=op, right=right_node):
            values = (_value(left_node, names), _value(right_node, names))
            return _arithmetic(_ARITHMETIC[type(op)], *values)
        case _:
            raise AssertionError(f"{ast.dump(node)} is not in the list")


def _named(name: str, names: Mapping[str, Typed]) -> Typed:
    if name == NEVER:
        return Seconds(math.inf)
    if name not in names:
        raise ExpressionError(f"unknown setting {shown(name)}{did_you_mean(name, names)}")
    return names[name]


def _has(items: Any, item: Any) -> bool:
    if isinstance(items, tuple):
        return _caseless(item) in map(_caseless, items)
    return item in items


def _caseless(item: Any) -> Any:
    return item.lower() if isinstance(item, str) else item


def _arithmetic(op: Callable[[float, float], float], left: Typed, right: Typed) -> Typed:
    """Compute with numbers; what has a unit keeps it."""
    for value in (left, right):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"expected a number, got {shown(value)}")
    assert isinstance(left, int | float)
    assert isinstance(right, int | float)
    result = op(left, right)
    units = [type(it) for it in (left, right) if isinstance(it, Seconds | Bytes)]
    if not units:
        return result
    if op is operator.truediv and units[1:] == units[:1]:
        return result
    if op in {operator.add, operator.sub}:
        makes_sense = units[1:] == units[:1]
    else:
        makes_sense = len(units) == 1 and not (op is operator.truediv and units[0] is type(right))
    if not makes_sense:
        raise TypeError("expected values whose units go together")
    if units[0] is Seconds:
        return Seconds(result)
    if not float(result).is_integer():
        raise TypeError(f"expected a whole number of bytes, got {shown(result)}")
    return Bytes(result)
