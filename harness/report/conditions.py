"""An `if:` of a product file in words: `gzip is on and gzip_types has text/event-stream or *`."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from harness.products import settings
from harness.products.expression import parse
from harness.products.model import Product

_VERBS: Final[Mapping[type[ast.cmpop], tuple[str, str]]] = {
    ast.Eq: ("is", "is not"),
    ast.NotEq: ("is not", "is"),
    ast.Lt: ("is less than", "is at least"),
    ast.GtE: ("is at least", "is less than"),
    ast.Gt: ("is more than", "is at most"),
    ast.LtE: ("is at most", "is more than"),
}


class _Claim(NamedTuple):
    """What is said of one setting; claims that differ in their last word can share the others."""

    subject: str
    verb: str
    value: str

    def __str__(self) -> str:
        return f"{self.subject} {self.verb} {self.value}"


def in_words(condition: str, product: Product) -> str:
    """What has to be set for an `if:` to hold.

    Args:
        condition: The expression.
        product: Whose settings it is about.
    """
    return _said(parse(condition).tree, product, holds=True)


def _said(node: ast.expr, product: Product, *, holds: bool) -> str:
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _said(operand, product, holds=not holds)
        case ast.BoolOp(op=op, values=parts):
            word = "and" if isinstance(op, ast.And) is holds else "or"
            return _joined(word, parts, product, holds=holds)
        case _:
            claim = _claim(node, product, holds=holds)
            text = ast.unparse(node)
            return str(claim) if claim else text if holds else f"not ({text})"


def _joined(word: str, parts: Sequence[ast.expr], product: Product, *, holds: bool) -> str:
    """Several conditions; what is claimed of one setting is claimed once: has a or b."""
    claims = [_claim(it, product, holds=holds) for it in parts]
    first, *others = claims
    if first and all(it and it[:2] == first[:2] for it in others):
        values = f" {word} ".join(it.value for it in claims if it)
        return str(first._replace(value=values))
    said = [_said(it, product, holds=holds) for it in parts]
    other = f" {'or' if word == 'and' else 'and'} "
    if any(other in it for it in said):
        return f", {word} ".join(said)
    *most, last = said
    return f"{', '.join(most)} {word} {last}"


def _claim(node: ast.expr, product: Product, *, holds: bool) -> _Claim | None:
    """What a comparison, or a mere name, says of one setting; None: it is none of the usual."""
    match node:
        case ast.Name(id=name):
            return _is_set(name, product, holds=holds)
        case ast.Compare(left=ast.Name() as name, ops=[op], comparators=[value]):
            verbs = _VERBS.get(type(op))
            written = _written(value)
            if verbs is None or written is None:
                return None
            return _Claim(_spelt(name.id, product), verbs[0 if holds else 1], written)
        case ast.Compare(left=ast.Constant(value=item), ops=[op], comparators=[ast.Name(id=name)]):
            if isinstance(op, ast.In | ast.NotIn):
                verb = "has" if isinstance(op, ast.In) is holds else "lacks"
                return _Claim(_spelt(name, product), verb, str(item))
            return None
        case _:
            return None


def _is_set(name: str, product: Product, *, holds: bool) -> _Claim | None:
    """That a setting is on, or set at all, or not 0."""
    spelt = _spelt(name, product)
    setting = product.settings.get(spelt)
    if setting is None:
        return None
    match setting.type_:
        case "flag":
            _, word = settings.read(product, spelt, "on" if holds else "off")
            return _Claim(spelt, "is", str(word))
        case "duration" | "size" | "count" if setting.default is not None:
            return _Claim(spelt, "is not" if holds else "is", "0")
        case _:
            return _Claim(spelt, "is" if holds else "is not", "set")


def _written(value: ast.expr) -> str | None:
    match value:
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=constant):
            return str(constant)
        case ast.Name(id=name):
            return name
        case _:
            return None


def _spelt(name: str, product: Product) -> str:
    """A setting as the product writes it: `timeout server` for `timeout_server`."""
    known = {settings.name_in_expressions(it): it for it in product.settings}
    return known.get(name, name)
