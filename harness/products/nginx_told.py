"""What the product is told by the directives in effect: nothing that depends on the request."""

from __future__ import annotations

from collections.abc import Mapping

from harness.products import settings
from harness.products.expand import defaults
from harness.products.model import Product, Setting
from harness.products.nginx_directives import Directive
from harness.products.nginx_inherit import Written
from harness.products.settings import name_in_expressions
from harness.products.values import Typed
from harness.wire.headers import HOP_BY_HOP


def told(product: Product, written: Mapping[str, Written]) -> dict[str, object]:
    """The settings of a product that directives give, as a scenario would write them.

    Args:
        product: Whose settings.
        written: The directives in effect, by name.
    """
    found = {
        name: _told(product.settings[name], it)
        for name, it in written.items()
        if name in product.settings
    }
    return {name: it for name, it in found.items() if it is not None}


def values(
    product: Product, written: Mapping[str, Written], given: Mapping[str, object]
) -> dict[str, Typed]:
    """Every setting as expressions have it; what depends on the request is missing.

    So is what the product does not take: whoever makes a hop of it says so. Settings that differ
    between versions are as the oldest has them.

    Args:
        product: Whose settings.
        written: The directives in effect.
        given: What they come to; see `told`.
    """
    known = {
        name: value for name, (value, _) in defaults(product, "").items() if name not in written
    }
    for name, it in given.items():
        try:
            known[name], _ = settings.read(product, name, it)
        except ValueError:
            continue
    return {name_in_expressions(name): value for name, value in known.items()}


def _told(setting: Setting, written: Written) -> object:
    """What a directive means for the product; None: nothing."""
    if setting.type_ == "fields":
        fields = {it.args[0]: it.args[1] for it in written.lines if _is_told(it)}
        return fields or None
    if written.variables:
        return None
    match setting.type_:
        case "words":
            return written.words
        case "duration" | "size":
            return written.words[0]  # keepalive_timeout has a second one, which clients are told
        case _:
            return written.value


def _is_told(line: Directive) -> bool:
    """Whether a field is one for the product to set; what is of one connection its version says."""
    field, value, *_ = line.args
    is_there = bool(value) or line.name == "proxy_set_header"  # which takes the field away
    return is_there and field.lower() not in HOP_BY_HOP and not Written((line,)).variables
