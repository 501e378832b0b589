"""Intermediaries as data: a YAML file for each product, and what makes hops of them."""

from harness.products.expand import hop
from harness.products.load import load, names, product, products, unknown

__all__ = ("hop", "load", "names", "product", "products", "unknown")
