"""Faults: one file per behaviour of a hop, pure. `registry` lists them."""
