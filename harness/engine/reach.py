"""Whether anybody is there, before a case begins."""

from __future__ import annotations

import ssl

import trio

from harness.ends.target import Origin, no_connection
from harness.errors import TargetError
from harness.net import ByteStream, Network

_CONNECT_S = 10.0


async def probe(network: Network, at: Origin, tls: ssl.SSLContext | None, most_s: float) -> None:
    """Find out now, in one clear line, whether anybody is there.

    Args:
        network: Where to look.
        at: Who is meant.
        tls: Verifies that it is; None: it speaks plain.
        most_s: Longest to wait, in seconds, and never more than ten.

    Raises:
        TargetError: Nobody is.
    """
    patience_s = min(_CONNECT_S, most_s)
    with trio.move_on_after(patience_s) as scope:
        try:
            stream = await network.connect(at.host, at.port)
            try:
                await _shake_hands(stream, at, tls)
            finally:
                await trio.aclose_forcefully(stream)
        except (OSError, trio.BrokenResourceError) as error:
            raise TargetError(f"{at}: {no_connection(error)}", "unreachable") from error
    if scope.cancelled_caught:
        raise TargetError(f"{at}: no connection within {patience_s:g} s", "unreachable")


async def _shake_hands(stream: ByteStream, at: Origin, context: ssl.SSLContext | None) -> None:
    if context is not None:
        secure = trio.SSLStream(stream, context, server_hostname=at.host, https_compatible=True)
        await secure.do_handshake()
