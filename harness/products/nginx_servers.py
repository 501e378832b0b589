"""Which server of an nginx configuration a request belongs to.

A request comes in on a socket, an address and port that some servers listen on, and names a host.
Among the servers of that socket the one with the name wins: written out, else with the longest
`*.name`, else with the longest `name.*`, else with the first regular expression. Without one it is
the default server: the one that says default_server, or the first.
Sources: https://nginx.org/en/docs/http/server_names.html,
https://nginx.org/en/docs/http/request_processing.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.errors import ScenarioError, did_you_mean, shown
from harness.products.nginx_directives import Directive
from harness.products.nginx_locations import regex

_ANY: Final = "*"  # 0.0.0.0
_ANY_6: Final = "[::]"
_PORT: Final = "80"  # of root, without one
_MOST_PORTS: Final = 100  # of a range that are told apart
_ADDRESS = re.compile(r"[0-9.]+|\[.*\]|\*")
_LISTEN = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]+(?:-[0-9]+)?))?")
_WANTED = re.compile(r"(?P<host>\[[^\]]*\]|unix:.*|[^:]*)(?::(?P<port>[0-9]+))?")


@dataclass(slots=True)
class _Socket:
    """What servers listen on.

    Args:
        host: An address, or `unix:` and a path.
        port: Of the address; "" with unix.
        servers: Who listens, as they are written.
        default: Whom a request with an unknown host goes to.
    """

    host: str
    port: str
    servers: list[Directive]
    default: Directive


def choose_servers(http: Directive, wanted: str) -> tuple[Directive, ...]:
    """Find the servers that a request may be for.

    Args:
        http: The http block.
        wanted: A server's name, an address, a port, or name or address and port
            (`example.com:443`); "" for whoever is the default of a socket.

    Returns:
        One server for each socket that can be meant, each server once, as they are written.

    Raises:
        ScenarioError: There is no such server; the message begins with file and line.
    """
    sockets = list(_sockets(http))
    if not sockets:
        raise http.line.error("expected a server, found none")
    parts = _WANTED.fullmatch(wanted)
    host, port = (parts["host"], parts["port"] or "") if parts else (wanted, "")
    if host.isdigit() and not port:
        host, port = "", host
    meant = _listening(sockets, host, port)
    if host and not _ADDRESS.fullmatch(host) and not host.startswith("unix:"):
        name = host.lower().removesuffix(".")
        chosen = [server for it in meant if (server := _by_name(it.servers, name))]
        chosen = chosen or [it.default for it in meant if it.host == name]  # listen localhost
    else:
        chosen = [it.default for it in meant]
    if not chosen:
        raise _unknown(http, sockets, wanted)
    return tuple(it for it in http.having("server") if any(it is server for server in chosen))


def show_server(server: Directive) -> str:
    """A server in a few words: `nginx.conf:12 (listen 443, server_name example.com)`."""
    says = ", ".join(str(it) for it in server.having("listen", "server_name"))
    return f"{server.line} ({says})" if says else str(server.line)


def _sockets(http: Directive) -> Iterator[_Socket]:
    sockets: dict[tuple[str, str], _Socket] = {}
    flagged: dict[tuple[str, str], Directive] = {}
    for server in http.having("server"):
        listens = [(key, it) for it in server.having("listen") for key in _listen(it)]
        for key in dict.fromkeys(key for key, _ in listens or [((_ANY, _PORT), server)]):
            sockets.setdefault(key, _Socket(*key, [], server)).servers.append(server)
        for key, listen in listens:
            if {"default_server", "default"} & set(listen.args[1:]):
                if flagged.setdefault(key, server) is not server:
                    raise listen.line.error(
                        f"a second default_server, the first is {show_server(flagged[key])}"
                    )
                sockets[key].default = server
    yield from sockets.values()


def _listen(listen: Directive) -> list[tuple[str, str]]:
    """The sockets of one `listen`; a range of ports is several."""
    written = listen.args[0] if listen.args else ""
    if written.startswith("unix:"):
        return [(written, "")]
    parts = _LISTEN.fullmatch(written)
    if not parts or not written:
        raise listen.line.error(f"expected an address or a port, got {shown(str(listen))}")
    host, ports = parts["host"], parts["port"]
    if ports is None and re.fullmatch(r"[0-9]+(-[0-9]+)?", host):
        host, ports = _ANY, host
    first, _, last = (ports or _PORT).partition("-")
    numbers = range(int(first), int(last or first) + 1)[:_MOST_PORTS]
    host = _ANY if host in ("", "0.0.0.0") else host.lower()  # noqa: S104 - compared, not bound
    return [(host, str(number)) for number in numbers]


def _listening(sockets: list[_Socket], host: str, port: str) -> list[_Socket]:
    """The sockets that a request to this host and port comes in on."""
    if host.startswith("unix:"):
        return [it for it in sockets if it.host == host]
    there = [it for it in sockets if port in ("", it.port)]
    if not _ADDRESS.fullmatch(host) or host == _ANY:
        return there
    exact = [it for it in there if it.host == host.lower()]
    wildcard = _ANY_6 if host.startswith("[") else _ANY
    return exact or [it for it in there if it.host == wildcard]


def _names(servers: list[Directive]) -> list[tuple[str, Directive, Directive]]:
    """Each name in lower case, the server_name it stands in, and whose it is."""
    return [
        (name if name.startswith("~") else name.lower(), it, server)
        for server in servers
        for it in server.having("server_name")
        for name in it.args
    ]


def _by_name(servers: list[Directive], host: str) -> Directive | None:
    names = _names(servers)
    for name, _, server in names:
        if host in (name, name.removeprefix(".")):
            return server
    leading = [(len(name.lstrip("*")), server) for name, _, server in names
               if name.startswith(("*.", ".")) and host.endswith(name.lstrip("*"))]  # fmt: skip
    trailing = [(len(name), server) for name, _, server in names
                if name.endswith(".*") and host.startswith(name.removesuffix("*"))]  # fmt: skip
    for found in (leading, trailing):
        if found:
            return max(found, key=lambda it: it[0])[1]
    for name, directive, server in names:
        if name.startswith("~"):
            # An upper-case letter makes it caseless: hosts have none.
            is_caseless = name != name.lower()
            if regex(directive, name[1:].encode(), is_caseless=is_caseless).search(host.encode()):
                return server
    return None


def _unknown(http: Directive, sockets: list[_Socket], wanted: str) -> ScenarioError:
    names = {name for it in sockets for name, _, _ in _names(it.servers) if name}
    listens = {f"{it.host}:{it.port}" if it.port else it.host for it in sockets}
    hint = did_you_mean(wanted, names | listens)
    there_are = f"; there are {', '.join(sorted(names))}" if names else ""
    on = f"; they listen on {', '.join(sorted(listens))}"
    message = f"{http.line}: no server is {shown(wanted)}{hint or there_are + on}"
    return ScenarioError(message, None, "server")
