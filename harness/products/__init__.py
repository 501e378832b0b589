"""Intermediaries as data: a YAML file for each product, and what makes hops of them."""

from harness.products.expand import hop
from harness.products.load import load, names, product, products, unknown
from harness.products.real import real_hop

__all__ = ("hop", "load", "names", "product", "products", "real_hop", "unknown")
