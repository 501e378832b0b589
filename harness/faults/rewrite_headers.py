"""See `RewriteHeaders`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from harness.faults.base import (
    Action,
    CaseOver,
    ClientGone,
    Conserves,
    Data,
    Event,
    Note,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SimpleFault,
    UpstreamEnd,
    Wake,
    passed,
)
from harness.faults.standing import Standing
from harness.model.base import Strict
from harness.wire.headers import Headers, replaced, values, without

_FRAMING = frozenset({"content-length", "transfer-encoding"})


def _field_name(name: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):  # RFC 9110 §5.6.2, token
        raise ValueError("expected a field name: letters, digits and any of !#$%&'*+-.^_`|~")
    if name.lower() in _FRAMING:
        raise ValueError(f"the hop sets {name} itself, by how it delimits the body")
    return name


def field_value(text: str) -> str:
    """`text`, which may stand as the value of a field (RFC 9110 §5.5).

    Raises:
        ValueError: It may not.
    """
    if re.search(r"[\0\r\n]", text):
        raise ValueError("expected a field value without line ends")
    return text


type FieldName = Annotated[str, AfterValidator(_field_name)]
type FieldValue = Annotated[str, AfterValidator(field_value)]


class Rules(Strict):
    """What becomes of one head: first `remove`, then `set`, then `add`.

    Args:
        remove: Names of fields to remove, all of each name.
        set_: Fields to replace, or to append where there is none of the name; an empty text
            removes them.
        add: Fields to append, whether there are others of the name or not.
    """

    remove: tuple[FieldName, ...] = ()
    set_: dict[FieldName, FieldValue] = Field(default_factory=dict)
    add: dict[FieldName, FieldValue] = Field(default_factory=dict)

    def applied(self, headers: Headers) -> Headers:
        """`headers` as these rules make them."""
        headers = without(headers, self.remove)
        for name, text in self.set_.items():
            headers = replaced(headers, name, text) if text else without(headers, [name])
        return (*headers, *self.add.items())

    def names(self) -> list[str]:
        """Every name the rules mention."""
        return [*self.remove, *self.set_, *self.add]


class RewriteHeaders(SimpleFault):
    """Remove, replace and add header fields.

    Models: nginx, which takes X-Accel-Buffering out of a response and puts `Connection: close` in
    the request — nginx.org, ngx_http_proxy_module; Varnish, which asks its backend for gzip alone
    (http_gzip_support) — varnish-cache.org, varnishd(1); Apache mod_headers.
    Conserves: bytes and order of the body.

    Args:
        request: Rules for requests.
        response: Rules for responses, those which a fault nearer to upstream answers included.

    Journal: fired (the fields that changed first), not_reached.
    """

    conserves: ClassVar[Conserves] = Conserves.BYTES_AND_ORDER
    arms: ClassVar[Literal["always", "acting"]] = "acting"
    is_aside: ClassVar[bool] = True

    request: Rules = Rules()
    response: Rules = Rules()

    @model_validator(mode="after")
    def _has_rules(self) -> Self:
        if not (self.request.names() or self.response.names()):
            raise ValueError("expected remove, set or add under request or response")
        return self

    def exchange(self, x: int, draw: Callable[[], float]) -> _State:  # noqa: ARG002 - the contract's
        """See `SimpleFault.exchange`."""
        return _State(self)


class _State:
    def __init__(self, config: RewriteHeaders) -> None:
        self._config = config
        self._standing = Standing()

    def step(self, now_s: float, event: Event) -> Iterable[Action]:  # noqa: ARG002 - no time in it
        self._standing.see(event)
        match event:
            case RequestHead():
                headers = self._config.request.applied(event.headers)
                yield from self._say("request", event.headers, headers)
                yield passed(replace(event, headers=headers))
            case ResponseHead():
                headers = self._config.response.applied(event.headers)
                yield from self._say("response", event.headers, headers)
                yield passed(replace(event, headers=headers))
            case RequestData() | RequestEnd() | Data():
                yield passed(event)
            case UpstreamEnd() | ClientGone():
                yield from self._standing.not_reached("no head had a field to change")
                yield passed(event)
            case Wake():
                pass
            case CaseOver():
                yield from self._standing.not_reached("no head had a field to change")

    def _say(
        self, which: Literal["request", "response"], old: Headers, new: Headers
    ) -> Iterator[Note]:
        names = {name.lower() for name, _ in (*old, *new)}
        changed = sorted(name for name in names if values(old, name) != values(new, name))
        if changed:
            yield from self._standing.fired(f"{which}: {', '.join(changed)}")
