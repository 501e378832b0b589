"""What is in effect at a location: how its own directives and those around it come together.

A directive that is written at a level holds there and at the levels inside, until one of them has
it too. For most that is a value which the inner level overrides. Some collect: several lines of one
level count together, and an inner level that has a line of its own has none of the outer ones.
Sources: "These directives are inherited from the previous configuration level if and only if there
are no proxy_set_header directives defined on the current level",
https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header, and likewise
https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header (from 1.29.3 on changed by
add_header_inherit); for the others the merge functions of nginx's modules, such as
ngx_http_proxy_merge_loc_conf.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.products.nginx_directives import Directive, Line

_ADD_HEADER: Final = "add_header"
_INHERIT: Final = "add_header_inherit"

SCALARS: Final = (
    "proxy_http_version", "proxy_buffering", "proxy_buffer_size", "proxy_buffers",
    "proxy_read_timeout", "proxy_send_timeout", "proxy_connect_timeout",
    "proxy_ignore_client_abort", "proxy_cache", "proxy_cache_lock", "chunked_transfer_encoding",
    "keepalive_timeout", "send_timeout", "gzip", "gzip_min_length", "gzip_http_version",
    "gzip_comp_level", "gzip_buffers", "gzip_vary", "proxy_cache_lock_timeout",
    "proxy_cache_lock_age",
)  # fmt: skip
COLLECTING: Final = (
    "proxy_cache_valid", "proxy_ignore_headers", "proxy_pass_header", "proxy_hide_header",
    "proxy_set_header", _ADD_HEADER, "gzip_types", "gzip_proxied",
)  # fmt: skip
KNOWN: Final = frozenset((*SCALARS, *COLLECTING))
# Whose effect is in that of another one.
RESOLVED: Final = frozenset((_INHERIT,))

_VARIABLE = re.compile(r"\$(?:\{[^}]*\}|\w+)")


@dataclass(frozen=True, slots=True)
class Written:
    """What a directive is set to.

    Args:
        lines: The lines in effect, as nginx takes them: one, of a collecting directive several.
    """

    lines: tuple[Directive, ...]

    @property
    def value(self) -> str:
        """Its arguments as one text; of several lines with `; ` in between."""
        return "; ".join(" ".join(it.args) for it in self.lines)

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments of all its lines."""
        return tuple(arg for it in self.lines for arg in it.args)

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables in its arguments, each once: their values depend on the request."""
        found = (it[0] for word in self.words for it in _VARIABLE.finditer(word))
        return tuple(dict.fromkeys(found))

    @property
    def place(self) -> Line:
        """Where it is written; the first of several lines."""
        return self.lines[0].line


def settings_at(levels: Sequence[Directive]) -> dict[str, Written]:
    """The known directives in effect.

    Args:
        levels: The blocks around a location, from http inwards, itself last.

    Raises:
        ScenarioError: A level has a directive twice that it may have once; the message begins with
            file and line.
    """
    for level in levels:
        _check_once(level)
    found = {name: in_effect(levels, name) for name in (*SCALARS, *COLLECTING)}
    return {name: Written(lines) for name, lines in found.items() if lines}


def in_effect(levels: Sequence[Directive], name: str) -> tuple[Directive, ...]:
    """The lines of one directive that are in effect; see `settings_at`."""
    if name == _ADD_HEADER:
        return _added_headers(levels)
    return next((own for it in reversed(levels) if (own := tuple(it.having(name)))), ())


def shadowed(levels: Sequence[Directive], name: str) -> Iterable[Directive]:
    """The lines of one directive that a level inside makes void; see `settings_at`."""
    held = in_effect(levels, name)
    return (it for level in levels for it in level.having(name) if not any(it is on for on in held))


def _added_headers(levels: Sequence[Directive]) -> tuple[Directive, ...]:
    """ngx_http_headers_merge_conf: add_header_inherit may add the outer lines, or drop them."""
    lines: tuple[Directive, ...] = ()
    how = "on"
    for level in levels:
        own = tuple(level.having(_ADD_HEADER))
        how = next((it.args[0] for it in level.having(_INHERIT) if it.args), how)
        outer = () if how == "off" or (own and how != "merge") else lines
        lines = own + outer
    return lines


def _check_once(level: Directive) -> None:
    first: dict[str, Line] = {}
    for it in level.having(*SCALARS):
        if it.name in first:
            raise it.line.error(f"duplicate {it.name}, first at {first[it.name]}")
        first[it.name] = it.line
