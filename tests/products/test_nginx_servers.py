"""Which server is meant; tests/real/test_nginx_servers.py asks nginx the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.products.nginx_servers import choose_servers, show_server
from tests.products.nginx_files import http

# https://nginx.org/en/docs/http/request_processing.html, its three examples together, and more
LINES = (
    "server { listen 80; server_name example.org www.example.org; }",
    "server { listen 80 default_server; server_name example.net www.example.net; }",
    "server { listen 192.168.1.1:80; server_name example.org; }",
    "server { listen 192.168.1.1:80 default_server; server_name example.net; }",
    "server { listen 443 ssl; listen [::]:443 ssl; server_name .example.org ~^w\\d+$; }",
    "server { server_name EXAMPLE.com; }",
    "server { listen unix:/run/a.sock; server_name example.org; }",
    "server { listen 8000-8002; }",
    "server { listen localhost; }",
)


def chosen(folder: Path, wanted: str, *lines: str) -> list[int]:
    """The servers, counted from 1."""
    return [it.line.line - 1 for it in choose_servers(http(folder, *(lines or LINES)), wanted)]


@pytest.mark.parametrize(
    ("wanted", "servers"),
    [
        ("", [2, 4, 5, 7, 8, 9]),
        ("80", [2, 4, 9]),
        (":80", [2, 4, 9]),
        ("*:80", [2, 4, 9]),
        ("443", [5]),
        ("8001", [8]),
        ("192.168.1.1", [4]),
        ("192.168.1.1:80", [4]),
        ("10.0.0.1:80", [2]),
        ("0.0.0.0:80", [2]),
        ("127.0.0.1:443", [5]),
        ("[::]:443", [5]),
        ("[::1]:443", [5]),
        ("unix:/run/a.sock", [7]),
        ("localhost:80", [9]),
        ("example.org:80", [1, 3]),
        ("example.org:443", [5]),
        ("example.org", [1, 3, 5, 7]),
        ("example.net", [2, 4]),
        ("Example.Com.", [6]),
        ("a.example.org", [5]),
        ("w12", [5]),
    ],
)
def test_a_server_is_chosen_by_name_address_and_port(
    tmp_path: Path, wanted: str, servers: list[int]
) -> None:
    assert chosen(tmp_path, wanted) == servers


@pytest.mark.parametrize(
    ("names", "host", "server"),
    [
        (("a.b.c", "*.b.c"), "a.b.c", 1),
        (("*.b.c", "a.b.c"), "a.b.c", 2),
        (("*.c", "*.b.c"), "a.b.c", 2),
        (("a.*", "*.c"), "a.b.c", 2),
        (("a.*", "a.b.*"), "a.b.c", 2),
        (("~a", "a.*"), "a.b.c", 2),
        (("~b", "~a"), "a.b.c", 1),
        (("x", ".b.c"), "b.c", 2),
        (("~^A", "x"), "ab", 1),
        (("_", "x"), "_", 1),
        (("*.b.c", "x"), "*.b.c", 1),
    ],
)
def test_names_win_in_nginxs_order(
    tmp_path: Path, names: tuple[str, str], host: str, server: int
) -> None:
    lines = [f"server {{ server_name {name}; }}" for name in names]

    assert chosen(tmp_path, host, *lines) == [server]


def test_a_wildcard_is_not_the_name_behind_it(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"no server is b\.c"):
        chosen(tmp_path, "b.c", "server { server_name *.b.c; }")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("exmaple.org", "nginx.conf:1: no server is exmaple.org; did you mean example.org?"),
        ("81", "nginx.conf:1: no server is 81; there are .example.org, example.com, exam"),
        ("example.org:81", "nginx.conf:1: no server is example.org:81"),
        ("unix:/b", "nginx.conf:1: no server is unix:/b"),
    ],
)
def test_a_server_that_is_not_there_is_named(tmp_path: Path, wanted: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        chosen(tmp_path, wanted)

    assert (caught.value.path, caught.value.message[: len(message)]) == ("server", message)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("gzip on;",), "nginx.conf:1: expected a server, found none"),
        (("server { listen; }",), "nginx.conf:2: expected an address or a port, got listen"),
        (("server { listen a:b; }",), "nginx.conf:2: expected an address or a port, got listen a"),
        (
            ("server { listen 80 default_server; }", "server { listen *:80 default; }"),
            "nginx.conf:3: a second default_server, the first is nginx.conf:2 (listen 80 def",
        ),
    ],
)
def test_what_cannot_be_listened_on_is_refused(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        chosen(tmp_path, "", *lines)

    assert str(caught.value).startswith(message)


def test_a_server_is_shown_by_what_tells_it_apart(tmp_path: Path) -> None:
    block = http(tmp_path, "server { listen 80; gzip on; server_name a b; }", "server { }")

    assert [show_server(it) for it in block.having("server")] == [
        "nginx.conf:2 (listen 80, server_name a b)",
        "nginx.conf:3",
    ]
