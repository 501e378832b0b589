"""Which location a URI belongs to; tests/real/test_nginx_locations.py asks nginx the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ScenarioError
from harness.products.nginx_directives import Directive, Line
from harness.products.nginx_locations import find, normalised, read_locations
from tests.products.nginx_files import server

# https://nginx.org/en/docs/http/ngx_http_core_module.html#location, its example A to E
EXAMPLE = (
    "location = / { }",
    "location / { }",
    "location /documents/ { }",
    "location ^~ /images/ { }",
    r"location ~* \.(gif|jpg|jpeg)$ { }",
)


def found(block: Directive, uri: str) -> str:
    """The location, with those around it, as they are written."""
    match = find(read_locations(block), normalised(uri))
    chain = " > ".join(" ".join(it.directive.args) for it in match.chain)
    return f"redirect to {chain}" if match.is_redirect else chain


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("/", "= /"),
        ("/index.html", "/"),
        ("/documents/document.html", "/documents/"),
        ("/images/1.gif", "^~ /images/"),
        ("/documents/1.jpg", r"~* \.(gif|jpg|jpeg)$"),
    ],
)
def test_the_documentations_example_holds(tmp_path: Path, uri: str, location: str) -> None:
    assert found(server(tmp_path, *EXAMPLE), uri) == location


@pytest.mark.parametrize(
    ("lines", "uri", "location"),
    [
        (("location /a { }", "location ~ b { }", "location ~ c { }"), "/abc", "~ b"),
        (("location ~ c { }", "location ~ b { }", "location /a { }"), "/abc", "~ c"),
        (("location /a { location /ab { } }", "location ~ b { }"), "/abc", "~ b"),
        (("location ^~ /a { location ~ b { } }", "location ~ a { }"), "/ab", "^~ /a > ~ b"),
        (("location ^~ /a { location ~ x { } }", "location ~ a { }"), "/ab", "^~ /a"),
        (("location /a { location ^~ /ab { } }", "location ~ b { }"), "/abc", "~ b"),
        (("location /a { location = /ab { } }", "location ~ b { }"), "/ab", "/a > = /ab"),
        (("location ~ a { location ~ b { } location ~ c { } }",), "/acb", "~ a > ~ b"),
        (("location /a { }", "location /b { }"), "/c", ""),
        (("location /a { }",), "/ab", "/a"),
        (("location /a/ { proxy_pass http://b; }", "location / { }"), "/a", "redirect to /a/"),
        (("location /a/ { proxy_pass http://b; }", "location ~ a { }"), "/a", "redirect to /a/"),
        (("location /a/ { proxy_pass http://b; }", "location = /a { }"), "/a", "= /a"),
        (("location /a/ { }", "location / { }"), "/a", "/"),
        (("location =/a { }", "location ~*B { }", "location ^~/c { }"), "/ab", "~*B"),
        (("location ~ (?<x>a)b\\z { }",), "/ab", r"~ (?<x>a)b\z"),
        ((r"location ~ \(\?<a { }",), "/(%3F<ab", r"~ \(\?<a"),
    ],
)
def test_a_location_is_chosen_as_nginx_chooses(
    tmp_path: Path, lines: tuple[str, ...], uri: str, location: str
) -> None:
    assert found(server(tmp_path, *lines), uri) == location


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/api/stream?x=/y#z", b"/api/stream"),
        ("/api/stream#z?x", b"/api/stream"),
        ("//api///stream//", b"/api/stream/"),
        ("/a/./b/../c", b"/a/c"),
        ("/a/b/..", b"/a/"),
        ("/a/.", b"/a/"),
        ("/%61%2Fb", b"/a/b"),
        ("/%3f%23%25", b"/?#%"),
        ("/a/%2e%2E/b", b"/b"),
        ("/caf\u00e9", b"/caf\xc3\xa9"),
        ("/caf%E9", b"/caf\xe9"),
        ("/.../..a", b"/.../..a"),
    ],
)
def test_a_uri_is_normalised(uri: str, path: bytes) -> None:
    assert normalised(uri) == path


@pytest.mark.parametrize(
    ("uri", "path"), [("//a//b//", b"//a//b//"), ("/a//../b", b"/a/b"), ("//", b"//")]
)
def test_slashes_are_kept_where_the_server_keeps_them(uri: str, path: bytes) -> None:
    assert normalised(uri, merge_slashes=False) == path


@pytest.mark.parametrize("uri", ["", "api", "http://a/", "/%zz", "/%0", "/%00", "/..", "/a/../.."])
def test_what_nginx_answers_400_to_is_no_uri(uri: str) -> None:
    with pytest.raises(ValueError, match="expected a path"):
        normalised(uri)


@pytest.mark.parametrize(
    "pattern", ["[[:alpha:]]", "[^[:alpha:]_]", r"\Qa\E", "(*UTF8)a", "a{,2}", "(", r"\R", "(?|a)"]
)
def test_an_expression_that_python_reads_otherwise_is_no_guess(
    tmp_path: Path, pattern: str
) -> None:
    block = server(tmp_path, "location /a { }", f'location ~ "{pattern}" {{ }}')

    with pytest.raises(ScenarioError, match=r"^nginx\.conf:4: cannot tell what location ~ "):
        found(block, "/a")


def test_an_expression_that_is_not_asked_does_no_harm(tmp_path: Path) -> None:
    block = server(tmp_path, "location = /a { }", "location ^~ /b { }", "location ~ (?|a) { }")

    assert (found(block, "/a"), found(block, "/bc")) == ("= /a", "^~ /b")


# -- against the documentation's words -------------------------------------------------------------

NAMES = st.text("ab/", max_size=3).map(lambda it: f"/{it}")
LOCATIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["=", "", "^~"]), NAMES),
        st.tuples(st.sampled_from(["~"]), st.sampled_from(["a", "b$", "^/a", "/b", "ab", "/$"])),
    ),
    max_size=6,
    unique_by=lambda it: (it[0] == "=", it[0] == "~", it[1]),
)


def brute(locations: list[tuple[str, str]], uri: str) -> tuple[str, str] | None:
    """ "A location can either be defined by a prefix string, or by a regular expression. […]"."""
    for it in locations:
        if it == ("=", uri):
            return it
    prefixes = [it for it in locations if it[0] in ("", "^~") and uri.startswith(it[1])]
    longest = max(prefixes, key=lambda it: len(it[1]), default=None)
    if longest and longest[0] == "^~":
        return longest
    is_in = {"a": "a" in uri, "b$": uri.endswith("b"), "^/a": uri.startswith("/a"),
             "/b": "/b" in uri, "ab": "ab" in uri, "/$": uri.endswith("/")}  # fmt: skip
    return next((it for it in locations if it[0] == "~" and is_in[it[1]]), longest)


@given(LOCATIONS, NAMES)
def test_a_flat_server_follows_the_documentation(
    locations: list[tuple[str, str]], uri: str
) -> None:
    line = Line("nginx.conf", 1)
    inside = tuple(
        Directive("location", (modifier, name) if modifier else (name,), line, ())
        for modifier, name in locations
    )
    expected = brute(locations, uri)

    match = find(read_locations(Directive("server", (), line, inside)), uri.encode())

    args = match.chain[-1].directive.args if match.chain else None
    assert args == (expected and tuple(it for it in expected if it))
