"""A plain client, of which nothing is ours: httpx and httpx-sse, with a clock beside them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import httpx
from httpx_sse import connect_sse

from harness.model.ask import BROWSER_CODINGS
from tests.real.programs import PATIENCE_S


class Came(NamedTuple):
    """An event.

    Args:
        after_s: When it came, in seconds since the request.
        at_s: The same, in Unix seconds.
    """

    after_s: float
    at_s: float
    data: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What a client got of one response.

    Args:
        status: Its code; 0: none came.
        events: What came, in order.
        is_whole: Whether it came to an end that looks like one.
        coding: Its Content-Encoding.
    """

    status: int
    events: tuple[Came, ...]
    is_whole: bool
    coding: str


def hear(
    url: str, method: str = "GET", fields: Mapping[str, str] | None = None, body: str | None = None
) -> Heard:
    """Ask as a browser does, and read the response to whatever end it has.

    Raises:
        httpx.TimeoutException: It was silent for very long.
    """
    status, coding, is_whole = 0, "", False
    events: list[Came] = []
    asked = {"Accept-Encoding": BROWSER_CODINGS, **(fields or {})}
    # Nothing here speaks TLS, and to be ready for it takes longer than all else.
    with httpx.Client(timeout=PATIENCE_S, trust_env=False, verify=False) as client:
        began_s = time.monotonic()
        with (
            suppress(httpx.NetworkError, httpx.RemoteProtocolError),
            connect_sse(client, method, url, headers=asked, content=body) as source,
        ):
            status = source.response.status_code
            coding = source.response.headers.get("content-encoding", "")
            if status == httpx.codes.OK:
                # A block of `retry:` alone is an event without data here, and none to a browser.
                for it in filter(lambda it: it.data, source.iter_sse()):
                    came = Came(time.monotonic() - began_s, time.time(), it.data)
                    events.append(came)
            else:
                source.response.read()
            is_whole = True
    return Heard(status, tuple(events), is_whole, coding)
