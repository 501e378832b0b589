"""A chain on the wire, with mitmproxy in our process: the only importer of mitmproxy."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from harness.errors import MissingExtraError
from harness.hops.mitm.spec import ChainSpec

if TYPE_CHECKING:
    from harness.hops.mitm.chain import Chain


__all__ = ["ChainSpec", "make_chain", "need_mitmproxy"]


def make_chain(spec: ChainSpec) -> Chain:
    """A chain, not yet listening.

    Raises:
        MissingExtraError: mitmproxy is not installed.
    """
    need_mitmproxy("a chain of hops on the wire")
    from harness.hops.mitm.chain import Chain  # noqa: PLC0415 - 0.3 s, and optional

    return Chain(spec)


def need_mitmproxy(needed_for: str) -> None:
    """Say so when the extra is not installed.

    Raises:
        MissingExtraError: mitmproxy or trio-asyncio is not installed.
    """
    for module in ("mitmproxy", "trio_asyncio"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError("mitmproxy", needed_for)
