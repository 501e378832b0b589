"""Which location a URI belongs to, asked of nginx itself."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.products.nginx_directives import Directive
from harness.products.nginx_files import read_files
from harness.products.nginx_locations import find, normalised, read_locations
from tests.real import nginx

pytestmark = pytest.mark.real


@dataclass(frozen=True, slots=True)
class L:
    """A location: its modifier and name as written, and the locations inside it."""

    written: str
    inner: tuple[L, ...] = ()
    is_proxied: bool = False


def at(written: str, *inner: L, proxied: bool = False) -> L:
    return L(written, inner, proxied)


SERVERS: dict[str, tuple[L, ...]] = {
    "documentation": (  # https://nginx.org/en/docs/http/ngx_http_core_module.html#location
        at("= /"), at("/"), at("/documents/"), at("^~ /images/"), at(r"~* \.(gif|jpg|jpeg)$"),
    ),
    "order of expressions": (
        at("~ stream"), at("~ ^/api/stream$"), at("~* STREAM"), at("/api/"), at("= /api/stream"),
    ),
    "longest prefix": (
        at("/"), at("/a"), at("/ap"), at("/api"), at("/api/"), at("/api/stream"),
        at("/api/streams"),
    ),
    "shielded": (
        at("^~ /api/", at("~ stream"), at("= /api/exact")), at("~ ^/api/"), at("/x", at("~ y$")),
        at("~ y$"),
    ),
    "shield inside does not hold outside": (
        at("/api", at("^~ /api/stream", at("~ never"))), at("~ stream$"), at("/"),
    ),
    "nested": (
        at("/api/", at("/api/v1/", at("= /api/v1/"), at(r"~ ^/api/v1/\d+$")), at("~ stream")),
        at("~ v1", at("~ stream$"), at("~ 2$")),
        at("/"),
    ),
    "redirect": (
        at("/api/", proxied=True), at("/"), at("~ i$"), at("/api-old/", proxied=True),
        at("= /exact/", proxied=True), at("/both/", proxied=True), at("= /both"),
        at("/inside", at("/inside/x/", proxied=True)),
    ),
    "no location for all": (at("/api/"), at("= /stream"), at("~ ^/v[12]/")),
    "written as one word": (at("=/api"), at("^~/images/"), at(r"~*\.GIF$"), at("~^/v1"), at("/")),
    "bytes and quotes": (
        at('"/with blank/"'), at("/caf\u00e9"), at('~ "^/x{2}$"'), at("~ ^/(?<who>[a-z]+)/home$"),
        at(r"~ \.php(/|$)"), at("/%25"),
    ),
}  # fmt: skip

URIS = (
    "/", "/index.html", "/documents/document.html", "/documents/1.jpg", "/images/1.gif",
    "/images/", "/images", "/1.GIF", "/api", "/api/", "/api/stream", "/api/streams", "/apis",
    "/api/v1", "/api/v1/", "/api/v1/12", "/api/v1/12x", "/api/v1/stream", "/v1/stream", "/v2/12",
    "/v3", "/API/STREAM", "/stream", "/api/exact", "/api/stream?x=1", "/stream?/api/", "//api//v1/",
    "/api/../stream", "/api/./stream", "/%61pi/str%65am", "/api%2Fstream", "/api/..", "/..",
    "/api/%2e%2e/stream", "/%3f", "/%25", "/%00", "/%zz", "/api-old", "/exact", "/both", "/both/",
    "/inside/x", "/x/y", "/xx", "/x", "/with%20blank/1", "/caf%C3%A9", "/bob/home", "/a.php/x",
    "/a.php", "/api/stream#fragment", "/.", "/api/.", "/api/stream/..", "/ap",
)  # fmt: skip


# -- configurations --------------------------------------------------------------------------------


def written(servers: Sequence[Sequence[L]], ports: Sequence[int], echo: int) -> str:
    """A configuration in which each location answers with the number of the line it begins on."""
    lines = ["events {}", "http {", nginx.QUIET, f"server {{ listen 127.0.0.1:{echo};"]
    lines += ["return 200 $http_x_line;", "}"]
    for locations, port in zip(servers, ports, strict=True):
        lines.append(f"server {{ listen 127.0.0.1:{port}; root nowhere;")
        for location in locations:
            _write(location, lines, echo)
        lines.append("}")
    return "\n".join([*lines, "}", ""])


def _write(location: L, lines: list[str], echo: int) -> None:
    number = len(lines) + 1
    lines.append(f"location {location.written} {{")
    if location.is_proxied:
        lines.append(f"proxy_set_header X-Line {number}; proxy_pass http://127.0.0.1:{echo};")
    else:
        lines.append(f"return 200 {number};")
    for inner in location.inner:
        _write(inner, lines, echo)
    lines.append("}")


def ours(server: Directive, uri: str) -> str:
    """What is expected of nginx, in a word: a line, a redirect, or a code."""
    try:
        match = find(read_locations(server), normalised(uri))
    except ValueError:
        return "400"
    if not match.chain:
        return "404"
    if match.is_redirect:
        return f"redirect {match.chain[-1].name.decode()}"
    return f"line {match.chain[-1].directive.line.line}"


def its(port: int, uri: str) -> str:
    """What nginx does, in the same words."""
    answer = nginx.ask(port, uri)
    match answer.status:
        case 200:
            return f"line {answer.body.decode()}"
        case 301:
            return f"redirect {(answer.field('location') or '').partition(f':{port}')[2]}"
        case _:
            return str(answer.status)


@dataclass(frozen=True, slots=True)
class Running:
    """An nginx under way: the port and the configuration of each server."""

    ports: tuple[int, ...]
    servers: tuple[Directive, ...]


def _running(servers: Sequence[Sequence[L]], folder: Path) -> Iterator[Running]:
    ports = nginx.free_ports(len(servers) + 1)
    conf = folder / "nginx.conf"
    conf.write_text(written(servers, ports[1:], ports[0]))
    http = next(read_files(conf, "nginx.conf").having("http"))
    with nginx.running(conf, ports):
        yield Running(tuple(ports[1:]), tuple(http.having("server"))[1:])


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    yield from _running(tuple(SERVERS.values()), tmp_path_factory.mktemp("matrix"))


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("uri", URIS)
def test_a_uri_belongs_to_the_location_that_nginx_chooses(
    matrix: Running, name: str, uri: str
) -> None:
    which = list(SERVERS).index(name)

    assert ours(matrix.servers[which], uri) == its(matrix.ports[which], uri)


# -- locations nobody thought of -------------------------------------------------------------------

PARTS = ("a", "b", "a/", "/", "b/", "ab", "-", ".")
EXPRESSIONS = ("a", "b$", "^/a", "^/a/b", "/$", "[ab]{2}", "^/(a|b)/", "A", "//", "-")
RANDOM_SERVERS = 150
RANDOM_URIS = 40


def _random_locations(draw: random.Random, outer: str | None, depth: int) -> tuple[L, ...]:
    """Some locations that nginx takes beside each other: no name twice."""
    found: dict[tuple[bool, str], L] = {}
    for _ in range(draw.randint(0 if depth else 1, 5)):
        modifier = draw.choice(("", "", "", "=", "^~", "~", "~*"))
        if modifier.startswith("~"):
            name = draw.choice(EXPRESSIONS)
        elif outer is not None and outer[:1] not in ("", "/"):
            continue  # nginx compares it with the text of the expression around it
        else:
            name = (outer or "/") + "".join(draw.choices(PARTS, k=draw.randint(0, 3)))
        inner: tuple[L, ...] = ()
        if modifier != "=" and depth < 2 and draw.random() < 0.5:
            inner = _random_locations(draw, name, depth + 1)
        key = (modifier == "=", name) if modifier[:1] != "~" else (True, f"{modifier}{len(found)}")
        proxied = draw.random() < 0.6
        found.setdefault(key, L(f'{modifier} "{name}"', inner, proxied))
    return tuple(found.values())


@pytest.fixture(scope="module")
def anything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    draw = random.Random(1)
    servers = [_random_locations(draw, None, 0) for _ in range(RANDOM_SERVERS)]
    yield from _running(servers, tmp_path_factory.mktemp("anything"))


@pytest.mark.parametrize("which", range(RANDOM_SERVERS))
def test_random_uris_belong_where_nginx_says(anything: Running, which: int) -> None:
    draw = random.Random(which)
    uris = ["/" + "".join(draw.choices(PARTS, k=draw.randint(0, 5))) for _ in range(RANDOM_URIS)]

    mine = [(uri, ours(anything.servers[which], uri)) for uri in uris]

    assert mine == [(uri, its(anything.ports[which], uri)) for uri in uris]


@pytest.mark.parametrize(
    "locations",
    [
        'location /a { } location "/a" { }',
        "location /a { } location ^~ /a { }",
        "location = /a { location /a/b { } }",
        "location @a { location /b { } }",
        "location /a { location @b { } }",
        "location /a { location /b { } }",
        "location ~ ^/a { location /a { } }",
        "location /a /b /c { }",
        "location !~ /a { }",
        "location { }",
        "location /a { location = /a { } location = /a { } }",
    ],
)
def test_locations_that_nginx_refuses_are_refused(locations: str, tmp_path: Path) -> None:
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"events {{ }}\nhttp {{\nserver {{\n{locations}\n}}\n}}\n")

    assert nginx.tested(conf, "-t").returncode == 1
    with pytest.raises(ScenarioError, match=r"^nginx\.conf:4: "):
        read_locations(next(next(read_files(conf, "nginx.conf").having("http")).having("server")))
