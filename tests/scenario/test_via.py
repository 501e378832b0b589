"""Proxies that run already, in a chain."""

from __future__ import annotations

import pytest

from harness.errors import ScenarioError
from harness.hops.build import port_of
from harness.scenario.chain import parse_chain, remarks, show_chain
from harness.yamlio import dump

AT = "http://127.0.0.1:8080"
BARE = f"{{via: '{AT}'}}"
FORWARDS = f"{{via: {{url: '{AT}', listen: 9000}}}}"

NO_VIA = "[0].via: expected the address of a proxy, or {url: …, listen: PORT}, got"
NO_ADDRESS = f"[0].via: expected the address of a proxy such as {AT}, got"
NO_PORT = "[0].via.listen: expected the port of this machine that the proxy forwards to, got"
AMID = (
    "[0]: the chain goes on behind it: say where it forwards to, "
    "{via: {url: …, listen: PORT}}, or let it stand last"
)


@pytest.mark.parametrize(
    ("text", "shown", "ports"),
    [
        (f"[{BARE}]", (f"via {AT}",), [0, 0]),
        (f"[nginx, {{via: '{AT}/'}}]", ("nginx@1.22", f"via {AT}"), [0, 0, 0]),
        (f"[{FORWARDS}, nginx]", (f"via {AT}", "nginx@1.22"), [0, 9000, 0]),
        (f"[nginx, {FORWARDS}]", ("nginx@1.22", f"via {AT}"), [0, 0, 9000]),
    ],
)
def test_what_stands_behind_a_proxy_listens_where_it_forwards_to(
    text: str, shown: tuple[str, ...], ports: list[int]
) -> None:
    hops = parse_chain(text)

    assert show_chain(hops) == shown
    assert [port_of(hops, number) for number in range(1, len(hops) + 2)] == ports
    assert parse_chain(dump([hop.as_yaml() for hop in hops])) == hops


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{via: }]", f"{NO_VIA} nothing"),
        ("[{via: {listen: 9000}}]", f"{NO_VIA} a mapping"),
        ("[{via: {url: 'http://a', lisn: 1}}]", "[0].via.lisn: unknown key; did you mean listen?"),
        ("[{via: {url: 'http://a', listen: true}}]", f"{NO_PORT} true"),
        ("[{via: {url: 'http://a', listen: 70000}}]", f"{NO_PORT} 70000"),
        ("[{via: 'https://a'}]", f"{NO_ADDRESS} https://a"),
        ("[{via: '127.0.0.1:8080'}]", f"{NO_ADDRESS} 127.0.0.1:8080"),
        ("[{via: 'http://a:b'}]", f"{NO_ADDRESS} http://a:b"),
        ("[{via: 'http://a/x'}]", f"{NO_ADDRESS} http://a/x"),
        ("[{via: 'http://u:p@a'}]", f"{NO_ADDRESS} http://u:p@a"),
        (f"[{BARE}, nginx]", AMID),
    ],
)
def test_what_is_no_proxy_is_refused(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_chain(text)

    assert f"{caught.value.path}: {caught.value.message}" == message


def test_what_cannot_be_told_apart_is_said() -> None:
    (said,) = remarks(parse_chain(f"[nginx, {BARE}]"))

    assert said.startswith(f"through[1].via: {AT} stands right before the target: ")
    assert said.endswith("what one of them does is not told from what the other does")
    assert list(remarks(parse_chain(f"[{FORWARDS}]"))) == []
