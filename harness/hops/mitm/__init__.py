"""A chain on the wire, with mitmproxy in our process: the only importer of mitmproxy."""

from __future__ import annotations

import importlib
import importlib.util
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import MissingExtraError
from harness.hops.mitm.spec import ChainSpec

if TYPE_CHECKING:
    from harness.hops.mitm.chain import Chain


__all__ = ["ChainSpec", "client_context", "make_ca", "make_chain", "need_mitmproxy", "preload"]


def make_chain(spec: ChainSpec) -> Chain:
    """A chain, not yet listening.

    Raises:
        MissingExtraError: mitmproxy is not installed.
    """
    preload()
    from harness.hops.mitm.chain import Chain  # noqa: PLC0415 - 0.3 s, and optional

    return Chain(spec)


def preload() -> None:
    """Import mitmproxy and everything a chain needs.

    Raises:
        MissingExtraError: mitmproxy is not installed.
    """
    need_mitmproxy("a chain of hops on the wire")
    with _quiet():
        # In this order: see lean.
        for name in ("lean", "chain"):
            importlib.import_module(f"{__name__}.{name}")


def make_ca(directory: Path) -> None:
    """Make the CA of a run in `directory`.

    Raises:
        MissingExtraError: mitmproxy is not installed.
    """
    need_mitmproxy("TLS towards the client")
    with _quiet():
        from harness.hops.mitm import lean, tls  # noqa: F401, PLC0415 - as in make_chain

    tls.make_ca(directory)


def client_context(directory: Path) -> ssl.SSLContext:
    """A client's TLS context that trusts the CA in `directory`, and nothing else."""
    with _quiet():
        from harness.hops.mitm import lean, tls  # noqa: F401, PLC0415 - as in make_chain

    return tls.client_context(directory)


def need_mitmproxy(needed_for: str) -> None:
    """Say so when the extra is not installed.

    Raises:
        MissingExtraError: mitmproxy or trio-asyncio is not installed.
    """
    for module in ("mitmproxy", "trio_asyncio"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError("mitmproxy", needed_for)


@contextmanager
def _quiet() -> Iterator[None]:
    """Import mitmproxy though warnings be errors: it uses names that pyparsing has deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"mitmproxy\.")
        yield
