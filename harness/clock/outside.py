"""Notice that a virtual run touches the world outside the process.

Whatever is outside does not wait for the virtual clock: during a round trip of 20 ms to a database
the clock leaps over thousands of seconds, and every timeout fires. So such a run proves nothing,
and is done again under the real clock. An audit hook sees it whoever does it: the app under test,
a library of its, a thread.

Not counted, because they stay inside: socket pairs (the self-pipes of trio and asyncio raise no
event, save where socketpair is emulated), looking up a literal address, and everything while nobody
watches.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final


class Outside:
    """What a watched piece of work touched.

    Attributes:
        touched: The first thing outside, such as `connect to 10.0.0.5:5432` or
            `process /usr/bin/env`. None while nothing was.
    """

    __slots__ = ("touched",)

    def __init__(self) -> None:
        self.touched: str | None = None


_watching: list[Outside] = []
_hooked: list[bool] = []


@contextmanager
def watch_outside() -> Iterator[Outside]:
    """Record the first thing outside the process that anything in it touches meanwhile."""
    if not _hooked:
        sys.addaudithook(_hook)  # cannot be removed: it idles when nobody watches
        _hooked.append(True)
    outside = Outside()
    _watching.append(outside)
    try:
        yield outside
    finally:
        _watching.remove(outside)


def touch(what: str) -> None:
    """Tell whoever watches of something that takes its time as the world outside does."""
    for outside in _watching:
        if outside.touched is None:
            outside.touched = what


def _hook(event: str, args: tuple[object, ...]) -> None:
    # Runs for every audited event of the process for the rest of its life: cheap first.
    if not _watching or event not in _DESCRIBED:
        return
    what = _DESCRIBED[event](args)
    if what is not None:
        touch(what)


def _connect(args: tuple[object, ...]) -> str | None:
    if sys._getframe(2).f_code.co_name.endswith("socketpair"):  # noqa: SLF001 - the public way
        return None  # CPython builds one from two TCP sockets where the system has none
    return f"connect to {_address(args[1])}"


def _send(args: tuple[object, ...]) -> str | None:
    # sendmsg on a connected socket gives no address, and its connect was seen.
    return f"datagram to {_address(args[1])}" if args[1] is not None else None


def _look_up(args: tuple[object, ...]) -> str | None:
    host = _text(args[0])
    return None if host is None or _is_literal(host) else f"look-up of {host}"


def _process(args: tuple[object, ...]) -> str:
    return f"process {_command(args[0])}"


def _fork(_args: tuple[object, ...]) -> str:
    return "process by fork"


# https://docs.python.org/3/library/audit_events.html
_DESCRIBED: Final[dict[str, Callable[[tuple[object, ...]], str | None]]] = {
    "socket.connect": _connect,
    "socket.sendto": _send,
    "socket.sendmsg": _send,
    "socket.getaddrinfo": _look_up,
    "socket.gethostbyname": _look_up,
    "socket.gethostbyaddr": _look_up,
    "subprocess.Popen": _process,
    "os.system": _process,
    "os.posix_spawn": _process,
    "os.spawn": lambda args: f"process {_command(args[1])}",
    "os.fork": _fork,
    "os.forkpty": _fork,
}


def _address(address: object) -> str:
    match address:
        case (host, int(port), *_):
            return f"{_text(host)}:{port}"
        case str() | bytes():
            return _text(address) or "an unnamed socket"
        case _:
            return repr(address)


def _command(value: object) -> str:
    match value:
        case list() | tuple():
            return _command(value[0]) if value else "without a name"
        case str() | bytes():
            return _text(value) or "without a name"
        case _:
            return str(value)


def _text(value: object) -> str | None:
    match value:
        case bytes():
            return value.decode(errors="backslashreplace")
        case str():
            return value
        case _:
            return None


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
