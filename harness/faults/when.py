"""`when:`: the exchanges a fault stands in."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal, Protocol

from pydantic import BeforeValidator, Field, model_validator

from harness.model.base import Strict
from harness.wire.headers import Headers, media_type, tokens, value


def _as_tuple(setting: object) -> object:
    return setting if setting is None or isinstance(setting, list | tuple) else (setting,)


type _OneOrMore[T] = Annotated[
    Annotated[tuple[T, ...], Field(min_length=1)] | None, BeforeValidator(_as_tuple)
]
type _Fields = Annotated[dict[str, str | None] | None, Field(min_length=1)]
type _Version = Literal["HTTP/1.0", "HTTP/1.1", "HTTP/2"]


class _Request(Protocol):
    @property
    def method(self) -> str: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def client_version(self) -> str: ...


class _Response(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def version(self) -> str: ...
    @property
    def framing(self) -> str: ...


class Matches(Strict):
    """What an exchange must be like; every key that is given must hold.

    Args:
        method: The request's method, one of these.
        client_version: The version the client speaks to this hop, one of these.
        request_header: Field names and values; `*`: present, null: absent. A value is compared
            without case with the whole field and with each of its comma-separated members.
        status: The response's status, one of these.
        media_type: Its type without parameters, one of these; `text/*` is all of text.
        framing: How the end of its body is told by upstream, one of chunked, length, close, none.
        upstream_version: The version upstream answers with, one of these.
        response_header: As `request_header`.
    """

    method: _OneOrMore[str] = None
    client_version: _OneOrMore[_Version] = None
    request_header: _Fields = None
    status: _OneOrMore[int] = None
    media_type: _OneOrMore[str] = None
    framing: _OneOrMore[Literal["chunked", "length", "close", "h2", "none"]] = None
    upstream_version: _OneOrMore[_Version] = None
    response_header: _Fields = None

    def names_response(self) -> bool:
        """Whether the response head has to be awaited."""
        return any(
            it is not None
            for it in (
                self.status,
                self.media_type,
                self.framing,
                self.upstream_version,
                self.response_header,
            )
        )

    def in_request(self, head: _Request) -> list[tuple[str, bool]]:
        """What the request is like, and whether that is what is asked."""
        said = []
        if self.method is not None:
            said.append((f"the method is {head.method}", head.method.upper() in self.method))
        if self.client_version is not None:
            fits = head.client_version in self.client_version
            said.append((f"the client speaks {head.client_version}", fits))
        return said + _fields("request", self.request_header, head.headers)

    def in_response(self, head: _Response) -> list[tuple[str, bool]]:
        """What the response is like, and whether that is what is asked."""
        said = []
        if self.status is not None:
            said.append((f"the status is {head.status}", head.status in self.status))
        if self.media_type is not None:
            media = media_type(head.headers) or "none"
            fits = any(fnmatchcase(media, it.lower()) for it in self.media_type)
            said.append((f"the media type is {media}", fits))
        if self.framing is not None:
            said.append((f"the framing is {head.framing}", head.framing in self.framing))
        if self.upstream_version is not None:
            fits = head.version in self.upstream_version
            said.append((f"upstream speaks {head.version}", fits))
        return said + _fields("response", self.response_header, head.headers)


class When(Matches):
    """In which exchanges a fault stands: those in which every key that is given holds.

    What names the request only is decided at its head, everything else at the response head; up to
    then the fault stands, and what it held or timed by then is let go.

    Args:
        not_: What an exchange must not be like: one in which all of it holds is left alone. Of
            several, any.
    """

    not_: _OneOrMore[Matches] = None

    @model_validator(mode="after")
    def _says_something(self) -> When:
        if not self.model_fields_set:
            raise ValueError("expected a condition, such as media_type or framing")
        return self

    def awaits_response(self) -> bool:
        """Whether the request head alone does not decide."""
        return self.names_response() or any(it.names_response() for it in self.not_ or ())

    def unmet_by(self, request: _Request, response: _Response | None) -> str | None:
        """Why the fault does not stand in this exchange; None: it does, as far as can be told.

        Args:
            request: The request's head.
            response: The response's; None: it is not there yet.
        """
        known = self.in_request(request)
        if response is not None:
            known += self.in_response(response)
        for what, fits in known:
            if not fits:
                return what
        for barred in self.not_ or ():
            if barred.names_response() and response is None:
                continue
            known = barred.in_request(request)
            if response is not None:
                known += barred.in_response(response)
            if all(fits for _, fits in known):
                return ", ".join(what for what, _ in known)
        return None


def _fields(
    which: str, wanted: dict[str, str | None] | None, headers: Headers
) -> list[tuple[str, bool]]:
    said = []
    for name, text in (wanted or {}).items():
        found = value(headers, name)
        if text is None:
            fits = found is None
        elif text == "*":
            fits = found is not None
        else:
            fits = text.lower() in {(found or "").lower(), *tokens(headers, name)}
        said.append(
            (f"the {which} has {'no ' + name if found is None else name + ': ' + found}", fits)
        )
    return said
