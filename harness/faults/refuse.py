"""See `Refuse`."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from harness.faults.base import Conserves, End, SimpleFault
from harness.faults.h2_end import H2_CODES, H2End
from harness.faults.on_request import Numbers, OnRequest

# RFC 9113 §8.7: the request was not processed, and may safely be sent again.
_REFUSED_STREAM = H2End("reset", H2_CODES["REFUSED_STREAM"])


class Refuse(SimpleFault):
    """Close the connection on a request, at once and without any answer.

    A client sees it as a connection that failed, and a browser's EventSource tries again: only an
    answer that is no event stream makes it give up. It is a reset, or a close, rather than
    "connection refused" because a listener's kernel has accepted a connection before its program
    is asked; only where nobody listens is it refused. Over HTTP/2 that one stream is reset, with
    REFUSED_STREAM, and the connection goes on.

    Models: a server that is being restarted, or has more connections waiting than it takes
    (tcp_abort_on_overflow — Linux ip-sysctl); HAProxy `http-request reject`, which closes without
    an answer — docs.haproxy.org; nginx `return 444` — nginx.org, ngx_http_rewrite_module.
    Conserves: bytes and order where it does not refuse.

    Args:
        on: Which requests of this hop it refuses, counted from 1 over the case: a number or
            several. None, in YAML `all`: every one.
        how: reset (RST) or truncation (FIN).

    Journal: fired (how, and the number of the request), not_reached (the number).
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"

    on: Numbers = None
    how: Literal["reset", "truncation"] = "reset"

    def exchange(self, x: int, draw: Callable[[], float]) -> OnRequest:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        end = End(self.how, h2=_REFUSED_STREAM)
        return OnRequest(x, self.on, "refuses", f"{self.how} on request {x}", end)
