"""Remarks on an nginx configuration: lines that are widely copied and do nothing for a stream.

Each rule looks at what is in effect at the location; what it says is nginx's documentation, or was
seen with nginx 1.22.1 (keepalive_timeout and send_timeout of 2 s end no stream).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness.products.nginx_directives import Directive, Line
from harness.products.nginx_inherit import COLLECTING, Written, in_effect, shadowed
from harness.products.nginx_route import Route

_PROXY: Final = "https://nginx.org/en/docs/http/ngx_http_proxy_module.html"
_CORE: Final = "https://nginx.org/en/docs/http/ngx_http_core_module.html"
_GZIP: Final = "https://nginx.org/en/docs/http/ngx_http_gzip_module.html"
_HEADERS: Final = "https://nginx.org/en/docs/http/ngx_http_headers_module.html"

type Settings = Mapping[str, Written]


@dataclass(frozen=True, slots=True)
class Note:
    """One remark.

    Args:
        text: What is remarked, in a line.
        place: The line it is about; None: the configuration as a whole.
        source: Where it is written; "": it follows from the configuration.
    """

    text: str
    place: Line | None = None
    source: str = ""

    def __str__(self) -> str:
        return (
            self.text
            if self.place is None or str(self.place) in self.text
            else f"{self.place}: {self.text}"
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    """Lines of one directive that do nothing.

    Args:
        name: The directive.
        why: What they do not do.
        source: Where that is written.
        is_met: Whether it holds for a line, given the settings in effect.
    """

    name: str
    why: str
    source: str
    is_met: Callable[[Directive, Settings], bool] = lambda _line, _settings: True


def notes(route: Route, settings: Settings) -> tuple[Note, ...]:
    """The remarks on what is in effect at a location, by place.

    Args:
        route: How a request comes there.
        settings: The known directives in effect there.
    """
    found = [
        Note(f"{line.without_secrets()} does nothing for a stream: {why}", line.line, source)
        for line, why, source in _inert(route, settings)
    ]
    found += [*_shadowed(route), *_varying(settings)]
    return tuple(sorted(found, key=lambda it: (it.place.file, it.place.line) if it.place else ()))


def inert(route: Route, settings: Settings) -> list[Directive]:
    """The lines in effect that do nothing for a stream; see `notes`."""
    return [line for line, _, _ in _inert(route, settings)]


def _inert(route: Route, settings: Settings) -> Iterator[tuple[Directive, str, str]]:
    for rule in _RULES:
        for line in in_effect(route.levels, rule.name):
            if rule.is_met(line, settings):
                yield line, rule.why, rule.source


def _shadowed(route: Route) -> Iterator[Note]:
    for name in COLLECTING:
        held = in_effect(route.levels, name)
        lines = list(shadowed(route.levels, name))
        if lines:
            by = f": {name} at {held[0].line} replaces those of the levels around" if held else ""
            yield Note(f"{name} of {_places(lines)} is not in effect here{by}", lines[0].line)


def _varying(settings: Settings) -> Iterator[Note]:
    for name, setting in settings.items():
        if variables := setting.variables:
            lines = [it for it in setting.lines if Written((it,)).variables]
            said = f"{name} of {_places(lines)}: {', '.join(variables)} not evaluated"
            yield Note(said, lines[0].line)


def _places(lines: Iterable[Directive]) -> str:
    return ", ".join(dict.fromkeys(str(it.line) for it in lines))


# -- rules -----------------------------------------------------------------------------------------


def _is_about_buffering(line: Directive, _: Settings) -> bool:
    return line.args[:1] != () and line.args[0].lower() == "x-accel-buffering"


def _is_off(line: Directive, _: Settings) -> bool:
    return line.args == ("off",)


def _is_on(line: Directive, _: Settings) -> bool:
    return line.args == ("on",)


def _is_unbuffered(_: Directive, settings: Settings) -> bool:
    return "proxy_buffering" in settings and settings["proxy_buffering"].value == "off"


def _is_without_events(line: Directive, settings: Settings) -> bool:
    types = settings["gzip_types"].words if "gzip_types" in settings else ()
    return line.args == ("on",) and not {"*", "text/event-stream"} & set(types)


def _is_uncached(_: Directive, settings: Settings) -> bool:
    return "proxy_cache" not in settings or settings["proxy_cache"].value == "off"


_RULES: Final = (
    _Rule(
        "proxy_set_header",
        "nginx heeds X-Accel-Buffering in upstream's response, not in a request",
        f"{_PROXY}#proxy_buffering",
        _is_about_buffering,
    ),
    _Rule(
        "add_header",
        "nginx heeds X-Accel-Buffering in upstream's response; this one is for an nginx in front",
        f"{_PROXY}#proxy_buffering",
        _is_about_buffering,
    ),
    _Rule(
        "proxy_send_timeout",
        "it is the time between two writes of the request",
        f"{_PROXY}#proxy_send_timeout",
    ),
    _Rule(
        "keepalive_timeout",
        "it is the time a connection waits for the next request",
        f"{_CORE}#keepalive_timeout",
    ),
    _Rule(
        "send_timeout",
        "it is the time a client may take no bytes, not the length of a response",
        f"{_CORE}#send_timeout",
    ),
    _Rule("proxy_cache", "nothing is cached without it", f"{_PROXY}#proxy_cache", _is_off),
    _Rule(
        "proxy_cache_valid", "nothing is cached here", f"{_PROXY}#proxy_cache_valid", _is_uncached
    ),
    _Rule("proxy_cache_lock", "nothing is cached here", f"{_PROXY}#proxy_cache_lock", _is_uncached),
    _Rule(
        "proxy_buffers",
        "without buffering only proxy_buffer_size counts",
        f"{_PROXY}#proxy_buffering",
        _is_unbuffered,
    ),
    _Rule(
        "proxy_request_buffering",
        "it is about the body of a request, which a GET has none of",
        f"{_PROXY}#proxy_request_buffering",
    ),
    _Rule("gzip", "gzip_types has no text/event-stream", f"{_GZIP}#gzip_types", _is_without_events),
    _Rule("tcp_nodelay", "it is the default", f"{_CORE}#tcp_nodelay", _is_on),
    _Rule(
        "fastcgi_buffering",
        "the location is proxied",
        f"{_PROXY}#proxy_buffering",
    ),
    _Rule("uwsgi_buffering", "the location is proxied", f"{_PROXY}#proxy_buffering"),
)
