"""The heads of messages, from mitmproxy's form to ours and back."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from mitmproxy import http

from harness.faults.base import RequestHead
from harness.wire.headers import Headers, replaced, value, values

if TYPE_CHECKING:
    from mitmproxy.proxy.layers.http._events import RequestHeaders


def request_of(event: RequestHeaders) -> RequestHead:
    """A request as it goes on in HTTP/1, with the version it came in."""
    request = event.request
    headers: Headers = tuple(
        (name.decode("latin-1"), val.decode("latin-1")) for name, val in request.headers.fields
    )
    if not request.is_http2:
        return RequestHead(request.method, request.path, headers, request.http_version)
    if value(headers, "host") is None:
        headers = (("Host", request.authority), *headers)
    if len(crumbs := values(headers, "cookie")) > 1:
        headers = replaced(headers, "cookie", "; ".join(crumbs))  # RFC 9113 §8.2.3
    if not event.end_stream and value(headers, "content-length") is None:
        # HTTP/1 delimits a body in one of these two ways.
        headers = (*headers, ("Transfer-Encoding", "chunked"))
    return RequestHead(request.method, request.path, headers, "HTTP/2")


def response_of(status: int, headers: Headers, *, is_h2: bool) -> http.Response:
    """A response head as mitmproxy's HTTP layers take it."""
    fields = http.Headers(
        [
            ((name.lower() if is_h2 else name).encode("latin-1"), val.encode("latin-1"))
            for name, val in headers
        ]
    )
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = ""
    version = b"HTTP/2.0" if is_h2 else b"HTTP/1.1"
    return http.Response(version, status, reason.encode(), fields, b"", None, 0.0, 0.0)
