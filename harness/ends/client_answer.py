"""What a client sends, and what it makes of the head of an answer; pure.

Redirects are those of the Fetch standard (https://fetch.spec.whatwg.org/#http-redirect-fetch), the
rest is the HTML standard, "Server-sent events".
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace

import httpx

from harness.model.redaction import url as redacted_url
from harness.model.scenario import EventSource
from harness.wire.headers import Headers, media_type, replaced, values, without

# Fetch: "If request's redirect count is 20, then return a network error".
MAX_REDIRECTS = 20
EVENT_STREAM = "text/event-stream"

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What Node's eventsource reconnects after: https://github.com/EventSource/eventsource (version 2).
_GATEWAY_ERRORS = frozenset({500, 502, 503, 504})
# Fetch: a "request-body-header name"; Content-Length comes from the body.
_BODY_FIELDS = ("content-encoding", "content-language", "content-location", "content-type")
_PORTS = {"http": 80, "https": 443}
# What no field value may hold (RFC 9110 §5.5), or h11 will not send.
_UNSENDABLE = frozenset("\0\r\n\v\f")

type _Origin = tuple[str, str, int | None]


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a client; its headers lack Host and Content-Length."""

    method: str
    url: httpx.URL
    headers: Headers
    body: bytes | None

    def on_wire(self) -> httpx.Request:
        """The request as httpx sends it."""
        fields = [(name.encode("latin-1"), raw(val)) for name, val in self.headers]
        return httpx.Request(self.method, self.url, headers=fields, content=self.body)


@dataclass(frozen=True, slots=True)
class Read:
    """The answer is an event stream."""


@dataclass(frozen=True, slots=True)
class Again:
    """The answer is no stream, but reconnect all the same."""


@dataclass(frozen=True, slots=True)
class Follow:
    """The answer leads elsewhere on the chain."""

    request: Request


@dataclass(frozen=True, slots=True)
class Around:
    """The answer leads around hop 1."""

    url: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Do not connect again.

    Args:
        reason: Why.
        is_fatal: Whether that is an error, rather than how it should end.
    """

    reason: str
    is_fatal: bool = True


type Answer = Read | Again | Follow | Around | Stop


class Origins:
    """What counts as the target: its own origin, and the one the client sees behind hop 1.

    Args:
        url: The target's URL.
        is_tls: Whether the client speaks TLS to hop 1, whatever the target speaks.
    """

    def __init__(self, url: str, *, is_tls: bool) -> None:
        target = httpx.URL(url)
        self._scheme = "https" if is_tls else "http"
        self.url = target.copy_with(scheme=self._scheme, fragment=None)
        self._known = {_origin(target), _origin(self.url)}

    def on_chain(self, url: httpx.URL) -> httpx.URL | None:
        """The URL as it is reached through hop 1; None: it is another origin's."""
        return url.copy_with(scheme=self._scheme) if _origin(url) in self._known else None


def _origin(url: httpx.URL) -> _Origin:
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


def raw(text: str) -> bytes:
    """The bytes of a header's value: latin-1, or UTF-8 where it is more."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def is_sendable(last_event_id: str) -> bool:
    """Tell whether an id fits in a header."""
    return _UNSENDABLE.isdisjoint(last_event_id)


def first_request(
    spec: EventSource,
    url: httpx.URL,
    *,
    method: str,
    body: str | None,
    headers: Headers,
    last_event_id: str,
) -> Request:
    """The request with which every connection of a client begins.

    Args:
        spec: Its Accept-Encoding; an empty one is not sent.
        url: With userinfo for Basic authentication, as curl takes it.
        method: As `curl -X`.
        body: As `curl -d`: a form, unless `headers` say otherwise.
        headers: As `curl -H`: they replace those a browser would send.
        last_event_id: As the client knows it; "" is not sent, and replaces none in `headers`.
    """
    defaults = [
        ("User-Agent", "sse-harness"),
        ("Accept", EVENT_STREAM),
        ("Cache-Control", "no-store"),
    ]
    if spec.accept_encoding:
        defaults.append(("Accept-Encoding", spec.accept_encoding))
    if body is not None:
        defaults.append(("Content-Type", "application/x-www-form-urlencoded"))
    if url.userinfo:
        who = f"{url.username}:{url.password}".encode()
        defaults.append(("Authorization", f"Basic {base64.b64encode(who).decode()}"))
    fields = (*without(tuple(defaults), [name for name, _ in headers]), *headers)
    if last_event_id:
        # Its UTF-8 bytes, in a str as headers have them. Blanks around a value are not part of it.
        as_utf8 = last_event_id.encode("utf-8", "replace").decode("latin-1")
        fields = replaced(fields, "Last-Event-ID", as_utf8.strip(" \t"))
    return Request(
        method, url, fields, None if body is None else body.encode(errors="surrogateescape")
    )


def judge(
    request: Request, status: int, headers: Headers, origins: Origins, *, retries_5xx: bool
) -> Answer:
    """Decide what to do with an answer.

    Args:
        request: What it is an answer to.
        status: Its status.
        headers: Its fields.
        origins: What is on the chain.
        retries_5xx: Whether a gateway's error is retried.
    """
    if status in _REDIRECTS:
        return _redirected(request, status, headers, origins)
    if status == 200:
        kind = media_type(headers)
        if kind == EVENT_STREAM:
            return Read()
        return Stop(f"expected content type {EVENT_STREAM}, got {kind or 'none'}")
    if status == 204:
        return Stop("told to stop", is_fatal=False)
    if retries_5xx and status in _GATEWAY_ERRORS:
        return Again()
    return Stop(f"status {status}")


def _redirected(request: Request, status: int, headers: Headers, origins: Origins) -> Answer:
    locations = set(values(headers, "location"))
    if len(locations) > 1:
        return Stop(f"status {status} with {len(locations)} locations")
    location = next(iter(locations), "").strip()
    if not location:
        return Stop(f"status {status} without a location")
    try:
        # Servers send UTF-8 here, which headers hold as latin-1.
        url = request.url.join(location.encode("latin-1").decode("utf-8", "replace"))
    except httpx.InvalidURL as error:
        return Stop(f"status {status} with a location that is no URL: {error}")
    if url.scheme not in _PORTS or not url.host:
        return Stop(f"status {status} with a location that is not http: {redacted_url(location)}")
    there = origins.on_chain(url)
    if there is None:
        return Around(redacted_url(str(url)))
    becomes_get = (status in {301, 302} and request.method == "POST") or (
        status == 303 and request.method not in {"GET", "HEAD"}
    )
    if not becomes_get:
        return Follow(replace(request, url=there))
    return Follow(Request("GET", there, without(request.headers, _BODY_FIELDS), None))
