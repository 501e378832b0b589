"""The way of a request through an nginx server, up to the location that proxies it.

Followed are the choice of a location and the last argument of `try_files`: for a stream there is no
file. Conditions (`if`) and rewrites are not evaluated. A location that answers by itself is no
intermediary, and said to be none.
Sources: https://nginx.org/en/docs/http/ngx_http_core_module.html#try_files (the last argument is an
internal redirect to a URI, a named location, or a code),
https://nginx.org/en/docs/http/ngx_http_rewrite_module.html (return and rewrite of a server come
before the choice of a location)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from harness.errors import did_you_mean
from harness.products.nginx_directives import Directive
from harness.products.nginx_locations import (
    PASSES,
    Level,
    Location,
    find,
    normalised,
    read_locations,
)

PROXY: Final = "proxy_pass"

_QUERY = re.compile(r"[?]|[$]is_args")

_MOST_REDIRECTS: Final = 10  # NGX_HTTP_MAX_URI_CHANGES; nginx answers 500 beyond


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request ends up.

    Args:
        http: The http block.
        server: Which server it is for.
        locations: The location that proxies it, last, after those it stands in.
        tried: The `try_files` that led there.
    """

    http: Directive
    server: Directive
    locations: tuple[Location, ...]
    tried: tuple[Directive, ...] = ()

    @property
    def levels(self) -> tuple[Directive, ...]:
        """The blocks around the request, from http inwards."""
        return (self.http, self.server, *(it.directive for it in self.locations))

    @property
    def location(self) -> Location:
        """The location that proxies it."""
        return self.locations[-1]


def follow(http: Directive, server: Directive, location: str) -> Route:
    """Find the location that proxies a request.

    Args:
        http: The http block.
        server: Which server it is for.
        location: A URI, or the name of a named location.

    Raises:
        ScenarioError: It is not proxied, or it cannot be told; the message begins with file and
            line.
    """
    if returned := next(server.having("return"), None):
        raise returned.line.error(f"the server answers with {returned}, and proxies nothing")
    level = read_locations(server)
    tried: list[Directive] = []
    where = location
    while len(tried) <= _MOST_REDIRECTS:
        chain = _chain(http, server, level, where)
        last = chain[-1].directive if chain else server
        if not tried and any(True for it in chain for _ in it.directive.having("internal")):
            raise last.line.error(f"{last} is internal: {where} is answered with 404")
        trying = next(last.having("try_files"), None)
        if trying is None:
            _check_proxied(last, where)
            return Route(http, server, chain, tuple(tried))
        tried.append(trying)
        where = _last_resort(trying)
    raise tried[-1].line.error(f"{tried[-1]} goes round in circles")


def _chain(http: Directive, server: Directive, level: Level, where: str) -> tuple[Location, ...]:
    """The location for a URI or a name, after those it stands in; empty: the server itself."""
    if where.startswith("@"):
        if named := level.named.get(where.encode()):
            return (named,)
        hint = did_you_mean(where, (it.decode() for it in level.named))
        raise server.line.error(f"this server has no location {where}{hint}")
    written = [*http.having("merge_slashes"), *server.having("merge_slashes")]
    is_merging = not written or written[-1].args != ("off",)
    try:
        match = find(level, normalised(where, merge_slashes=is_merging))
    except ValueError as error:
        raise server.line.error(str(error)) from None
    if match.is_redirect:
        last = match.chain[-1]
        name = last.name.decode(errors="replace")
        raise last.directive.line.error(f"{where} is answered with a redirect to {name}")
    return match.chain


def _last_resort(trying: Directive) -> str:
    """Where `try_files` sends what is no file."""
    where = trying.args[-1] if trying.args else ""
    if where.startswith("="):
        raise trying.line.error(f"{trying}: what is no file is answered with {where[1:]}")
    path = _QUERY.split(where, maxsplit=1)[0]
    if "$" in path or not path.startswith(("/", "@")):
        raise trying.line.error(f"{trying} cannot be followed: variables are not evaluated")
    return path


def _check_proxied(location: Directive, where: str) -> None:
    if location.name == "server":
        raise location.line.error(f"no location of this server matches {where}")
    returned = next(location.having("return"), None)
    if returned or not any(location.having(PROXY)):
        under = (it for it in location.having("if") if any(it.having(PROXY)))
        other = returned or next(location.having(*PASSES, "rewrite"), None) or next(under, None)
        hint = f": {other} ({other.line})" if other else ""
        raise location.line.error(f"{location} proxies nothing{hint}")
