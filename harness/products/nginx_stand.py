"""Your own nginx.conf, made to stand in a chain: what the program itself is given.

All of it is one file, with includes in their places. Changed is only what has to be:

* It listens on loopback, for the server that is meant and no other, and speaks plain.
* The location that is meant is there for every URI, as the target is asked for its own; upstream is
  what stands next in the chain, asked by the name that the client used. Other locations are kept if
  they answer by themselves and are asked for by name (`@name`, `= /name`).
* It runs in the foreground, and whatever it writes goes to a directory of the run.
* Left out is what depends on any of this: who may ask, rewrites of the URI, and conditions on the
  scheme, the host, the URI or a file. What of it may touch a response is told by `left_out`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from harness.products.nginx_directives import Directive, Line
from harness.products.nginx_locations import PASSES
from harness.products.nginx_place import Place
from harness.products.nginx_route import PROXY, Route

# Of the main level: whose processes these are, and where they write.
_OF_MAIN = re.compile(
    r"daemon|master_process|pid|user|lock_file|working_directory|worker_(processes|cpu_.*"
    r"|priority|rlimit_.*|shutdown_timeout)|debug_points|google_perftools_profiles|ssl_.*"
    r"|http|mail|stream|access_log|error_log"
)
_OF_STAND = re.compile(
    r"listen|ssl(_.*)?|http2|http3(_.*)?|quic(_.*)?|proxy_ssl_.*|proxy_bind|access_log|error_log"
    r"|.*_temp_path|internal|try_files|alias"
)
# What else is left out: it would have an effect, but one of the way the request came.
_OF_WAY = re.compile(
    r"auth_.*|allow|deny|satisfy|limit_except|mirror|mirror_.*|rewrite|.*_store|.*_store_access"
)
_CHANGED = re.compile(
    r"\$\{?(scheme|https|ssl_|host\b|http_host|hostname|server_|request_uri|uri\b|document_|http2"
    r"|request_filename|realpath_|http_x_forwarded_proto|remote_|realip_|proxy_protocol_)|^\(?!?-"
)
_CACHE_PATH = re.compile(r".*_cache_path")
_TEMP: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_WITH_TABLES: Final = frozenset(("charset_map", "geo", "map", "split_clients", "types"))
_BARE = re.compile(r"[\w./:=@*+,~^|?()$!<>&%-]+")
_HOST: Final = ("Host", "$http_host")
_SET_HEADER: Final = "proxy_set_header"
_UPSTREAM = re.compile(r"https?://(?P<name>[^/:?]+)")


def standing(main: Directive, route: Route, place: Place) -> str:
    """What the program is given.

    Args:
        main: The user's configuration, its includes replaced.
        route: How a request comes to the location that is meant.
        place: Where the program is to stand.
    """
    return _Stand(route, place).text(main)


def left_out(route: Route) -> Iterator[Directive]:
    """The directives on a request's way that the program is not given, though they do something."""
    return (it for level in route.levels for it in level.block or () if _is_of_way(it))


def _is_of_way(it: Directive) -> bool:
    if it.name == "if":
        return any(map(_CHANGED.search, it.args))
    return _OF_WAY.fullmatch(it.name) is not None


class _Stand:
    def __init__(self, route: Route, place: Place) -> None:
        self._route = route
        self._place = place
        self._caches = 0
        self._pass = place.upstream
        # Where the fields of the request are set that are in effect.
        self._setting = next(
            (it for it in reversed(route.levels) if any(it.having(_SET_HEADER))),
            route.location.directive,
        )

    def text(self, main: Directive) -> str:
        scratch = self._place.scratch
        kept = [it for it in main.block or () if not _OF_MAIN.fullmatch(it.name)]
        is_whole = any(main.having("http"))
        out = [
            _made("daemon", "off"),
            # One worker, so that there is one log in order.
            _made("worker_processes", "1"),
            *([_made("user", "root")] if self._place.is_root else []),
            _made("pid", f"{scratch}/nginx.pid"),
            _made("error_log", "stderr"),
            *(kept if is_whole else []),
            *([] if any(main.having("events")) else [_made("events", block=())]),
            self._http(),
        ]
        return "".join(_lines(out, 0))

    def _http(self) -> Directive:
        http, scratch = self._route.http, self._place.scratch
        temps = [_made(f"{name}_temp_path", f"{scratch}/{name}") for name in _TEMP]
        block: list[Directive] = [_made("access_log", "off"), *temps]
        for it in self._kept(http):
            if it.name == "upstream":
                block += self._upstream(it)
            elif it.name in _WITH_TABLES:
                block.append(self._table(it))
            elif it is self._route.server:
                block.append(self._server(it))
            elif it.name not in ("server", "location"):
                block.append(it)
        if not any(it is self._route.server for it in http.block or ()):
            raise AssertionError("a route through a server of another http")
        return _made("http", block=tuple(block))

    def _server(self, server: Directive) -> Directive:
        listens = [_made("listen", *it.split()) for it in self._place.listens]
        others = [it for it in server.having("location") if _stands_alone(it)]
        block = [it for it in self._kept(server) if it.name != "location"]
        return _made("server", block=(*listens, *block, *others, *self._location(0)))

    def _location(self, at: int) -> Iterator[Directive]:
        """The locations that are meant, one in the other, each for every URI."""
        if at == len(self._route.locations):
            return
        level = self._route.locations[at].directive
        block = [it for it in self._kept(level) if it.name != "location"]
        yield _made("location", "/", block=(*block, *self._location(at + 1)))

    def _kept(self, level: Directive) -> Iterator[Directive]:
        """What a level has, changed where it has to be."""
        is_setting = level is self._setting
        if is_setting:
            yield _made(_SET_HEADER, *_HOST)
        for it in level.block or ():
            is_host = is_setting and it.name == _SET_HEADER and it.args[:1]
            if is_host and it.args[0].lower() == "host":
                continue
            if _OF_STAND.fullmatch(it.name) or _is_of_way(it):
                continue
            if it.name == PROXY:
                yield self._passing(it)
            elif it.name == "if":
                yield _with(it, tuple(self._kept(it)))
            elif _CACHE_PATH.fullmatch(it.name):
                self._caches += 1
                path = f"{self._place.scratch}/cache-{self._caches}"
                yield _made(it.name, path, *it.args[1:])
            else:
                yield it

    def _passing(self, it: Directive) -> Directive:
        named = _UPSTREAM.match(it.args[0]) if it.args else None
        blocks = [up.args for up in self._route.http.having("upstream")]
        is_block = named is not None and (named["name"],) in blocks
        return _made(PROXY, f"http://{named['name'] if named and is_block else self._pass}")

    def _upstream(self, it: Directive) -> Iterator[Directive]:
        """The servers of an upstream that is passed to are one, the next in the chain."""
        used = [p for p in _passes(self._route.location.directive) if p.name == PROXY and p.args]
        names = [found["name"] for p in used if (found := _UPSTREAM.match(p.args[0]))]
        if it.args and it.args[0] in names:
            others = [inside for inside in it.block or () if inside.name != "server"]
            yield _with(it, (_made("server", self._place.upstream), *others))

    def _table(self, it: Directive) -> Directive:
        """Files of a table are still to be included, from where the user's file is."""
        rows = tuple(
            _made("include", str(self._place.folder / row.args[0]))
            if row.name == "include" and row.args
            else row
            for row in it.block or ()
        )
        return _with(it, rows)


def _stands_alone(location: Directive) -> bool:
    """Whether it is asked for by name, and answers by itself."""
    first = location.args[0] if location.args else ""
    is_named = first.startswith("@") or first == "="
    return is_named and not any(_passes(location))


def _passes(level: Directive) -> Iterator[Directive]:
    for it in level.block or ():
        if it.name in PASSES:
            yield it
        yield from _passes(it)


# -- from directives to text -----------------------------------------------------------------------


def _made(name: str, *args: str, block: Sequence[Directive] | None = None) -> Directive:
    return Directive(name, args, Line("", 0), None if block is None else tuple(block))


def _with(it: Directive, block: tuple[Directive, ...]) -> Directive:
    return Directive(it.name, it.args, it.line, block)


def _lines(block: Iterable[Directive], depth: int) -> Iterator[str]:
    indent = "    " * depth
    for it in block:
        # A name is as it was written, but for its quotes: in a table it may be anything.
        name = it.name if _BARE.fullmatch(it.name) else '"' + it.name.replace('"', '\\"') + '"'
        words = " ".join((name, *map(_quoted, it.args)))
        if it.block is None:
            yield f"{indent}{words};\n"
        else:
            yield f"{indent}{words} {{\n"
            yield from _lines(it.block, depth + 1)
            yield f"{indent}}}\n"


def _quoted(word: str) -> str:
    if _BARE.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
