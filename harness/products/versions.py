"""Versions of a product: which listed one holds for the one that is asked for."""

from __future__ import annotations

import re

from harness.errors import shown
from harness.products.model import Product

_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,5}")


def key_of(version: str) -> tuple[int, ...]:
    """What versions are ordered by.

    Raises:
        ValueError: It is no version.
    """
    if not _VERSION.fullmatch(version):
        raise ValueError(f"expected a version such as 1.22, got {shown(version)}")
    return tuple(map(int, version.split(".")))


def listed(product: Product, version: str) -> str:
    """The listed version that holds for `version`; "" for a product without versions.

    Raises:
        ValueError: It is none, or older than what is known of the product.
    """
    if not product.versions:
        if version:
            raise ValueError(f"{product.product} has no versions")
        return ""
    asked = key_of(version)
    held = [it for it in product.versions if key_of(it) <= asked]
    if not held:
        oldest = next(iter(product.versions))
        raise ValueError(f"expected {product.product}@{oldest} or newer, got {shown(version)}")
    return held[-1]
