"""Your own nginx.conf: what it says at one location, and where.

`read` finds the server and the location that a URI belongs to, as nginx does, and returns the
directives in effect there. Nothing is run, and nothing is evaluated that depends on a request:
conditions, rewrites and variables are reported. Defaults are not filled in; they are the product's.

The parts: nginx_files (includes, dumps) · nginx_servers and nginx_locations (who is meant) ·
nginx_route (what a request passes) · nginx_inherit (what is in effect) · nginx_told (what the
product is told) · nginx_beside and nginx_notes (what is to be said about it) · nginx_stand (what
the program is given in place of the product).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import ScenarioError, shown
from harness.products.model import Product
from harness.products.nginx_beside import Unmodelled, unmodelled
from harness.products.nginx_directives import Directive
from harness.products.nginx_files import read_files
from harness.products.nginx_inherit import Written, settings_at
from harness.products.nginx_notes import Note, idle, notes
from harness.products.nginx_route import Route, follow
from harness.products.nginx_servers import choose_servers, show_server
from harness.products.nginx_told import told, values

_MOST_PROBLEMS: Final = 3  # shown in one message


@dataclass(frozen=True, slots=True)
class NginxConf:
    """What an nginx configuration says at one location.

    Args:
        server: The server, in a few words.
        location: The location, in a few words.
        settings: The modelled directives in effect, by name; those that are written, no defaults.
        told: What they come to, as a scenario would write it; nothing that depends on the request.
        unmodelled: Other directives in effect that may touch a proxied response.
        notes: Remarks, such as lines that do nothing for a stream.
        main: All of the configuration, includes replaced.
        route: How a request comes to the location.
    """

    server: str
    location: str
    settings: dict[str, Written]
    told: dict[str, object]
    unmodelled: tuple[Unmodelled, ...]
    notes: tuple[Note, ...]
    main: Directive
    route: Route


def read(
    file: Path,
    location: str,
    product: Product,
    *,
    server: str = "",
    name: str = "",
) -> NginxConf:
    """Read what is in effect where a URI is proxied.

    Args:
        file: An nginx.conf, a file that is included into one (it begins with a server or a
            location), or the output of `nginx -T`.
        location: The URI, its query left out of account; or a named location, `@app`.
        product: Whose settings are asked for.
        server: Its name, an address or a port it listens on, or both: `example.com:443`. "": the
            default server; of several sockets, the one that proxies the URI.
        name: What places call the file; "": as `file`.

    Raises:
        ScenarioError: The configuration cannot be read, nginx would not take it, or the URI is not
            proxied. Its path names the argument it is about, "" for the file; the message begins
            with file and line, unless `location` is no location at all.
    """
    if not location.startswith(("/", "@")):
        message = f"expected a path such as /api/stream, got {shown(location)}"
        raise ScenarioError(message, None, "location")
    location = location.partition("?")[0]  # the rest may be secret
    main = read_files(file, name or str(file))
    http, remarks = _http(main)
    servers = choose_servers(http, server)
    routes, problems = _routes(http, servers, location)
    if not routes:
        raise _none(main, location, problems)
    if len(servers) > len(routes) == 1:
        text = (
            f"of {len(servers)} servers that could be meant this is the one that proxies {location}"
        )
        remarks = (*remarks, Note(text, routes[0].server.line))
    found = [_at(main, route, product, remarks) for route in routes]
    if any(_said(it) != _said(found[0]) for it in found):
        are = ", ".join(it.server for it in found)
        raise main.line.error(
            f"{location} is proxied by several servers: {are}; choose one by name or port"
        )
    return found[0]


def _said(found: NginxConf) -> tuple[object, ...]:
    """What two servers have to agree in to be the same."""
    settings = {name: it.value for name, it in found.settings.items()}
    return settings, [it.text for it in found.unmodelled]


def _none(main: Directive, location: str, problems: Sequence[ScenarioError]) -> ScenarioError:
    if len(problems) == 1:
        return problems[0]
    each = "; ".join(it.message for it in problems[:_MOST_PROBLEMS])
    return main.line.error(f"none of {len(problems)} servers proxies {location}: {each}")


def _routes(
    http: Directive, servers: Sequence[Directive], location: str
) -> tuple[list[Route], list[ScenarioError]]:
    routes: list[Route] = []
    problems: list[ScenarioError] = []
    for server in servers:
        try:
            routes.append(follow(http, server, location))
        except ScenarioError as error:
            problems.append(error)
    return routes, problems


def _at(main: Directive, route: Route, product: Product, remarks: Sequence[Note]) -> NginxConf:
    known = settings_at(route.levels)
    last = route.location.directive
    given = told(product, known)
    lines = idle(route, product.idle_lines, values(product, known, given))
    tried = (Note(f"{it} is taken to find no file", it.line) for it in route.tried)
    return NginxConf(
        server=show_server(route.server),
        location=f"{last} ({last.line})",
        settings={name: it for name, it in known.items() if name in product.settings},
        told=given,
        unmodelled=unmodelled(route, product.settings, [line for line, _ in lines]),
        notes=(*remarks, *tried, *notes(route, known, lines)),
        main=main,
        route=route,
    )


def _http(main: Directive) -> tuple[Directive, tuple[Note, ...]]:
    """The http block; of a file that is to be included into one, as if it were."""
    blocks = list(main.having("http"))
    if len(blocks) > 1:
        raise blocks[1].line.error(f"duplicate http, first at {blocks[0].line}")
    if blocks:
        return blocks[0], ()
    if any(main.having("server")):
        text = "read as if included into http: what the main file sets is not known"
        return Directive("http", (), main.line, main.block), (Note(text, main.line),)
    if any(main.having("location")):
        server = Directive("server", (), main.line, main.block)
        text = "read as if included into a server: what is set around it is not known"
        return Directive("http", (), main.line, (server,)), (Note(text, main.line),)
    raise main.line.error("expected http, a server or a location, found none of them")
