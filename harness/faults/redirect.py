"""See `Redirect`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from harness.faults.base import Conserves, SimpleFault
from harness.faults.limit import local_answer
from harness.faults.on_request import Numbers, OnRequest
from harness.faults.rewrite_headers import field_value


class Redirect(SimpleFault):
    """Send the client to another address.

    An EventSource follows, and comes back to the first address when it reconnects. A relative
    location keeps it on the chain. So does the target's own origin; any other leads around hop 1,
    where nothing is observed any more, and ends the case as an ERROR.

    Models: `return 301 https://…` and the slash that nginx adds to a directory's name — nginx.org,
    ngx_http_rewrite_module; a single sign-on that sends requests to its login page — RFC 6749
    §4.1; Django's APPEND_SLASH — docs.djangoproject.com, "Settings". What clients do with each
    status: RFC 9110 §15.4, and the Fetch standard, which follows 20 at most.
    Conserves: bytes and order where it does not redirect.

    Args:
        location: Where to, relative or absolute.
        status: 301, 302, 303, 307 or 308; after the first three a POST becomes a GET.
        on: Which requests of this hop it redirects, counted from 1 over the case: a number or
            several. None, in YAML `all`: every one, so that a location on the chain leads in
            circles.

    Journal: fired (status and number of the request), not_reached (the number).
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"

    location: Annotated[str, Field(min_length=1), AfterValidator(field_value)]
    status: Literal[301, 302, 303, 307, 308] = 307
    on: Numbers = (1,)

    def exchange(self, x: int, draw: Callable[[], float]) -> OnRequest:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        answer = local_answer(self.status, None, (("Location", self.location),))
        return OnRequest(x, self.on, "redirects", f"{self.status} to request {x}", answer)
