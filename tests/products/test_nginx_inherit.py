"""What is in effect at a location; tests/real/test_nginx_conf.py sees nginx do the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.products.nginx_directives import Directive
from harness.products.nginx_inherit import COLLECTING, SCALARS, Written, settings_at
from tests.products.nginx_files import http

ARGUMENT = {"add_header": "X-{} v", "proxy_set_header": "X-{} v"}


def levels(folder: Path, *lines: str) -> list[Directive]:
    """The blocks that open in these lines, outermost first, after http."""
    found = [http(folder, *lines)]
    while inside := [it for it in found[-1].block or () if it.block is not None]:
        found.append(inside[-1])
    return found


def settings(folder: Path, *lines: str) -> dict[str, str]:
    """Values and the lines they come from."""
    found = settings_at(levels(folder, *lines))
    return {name: f"{it.value} | {it.place.line}" for name, it in found.items()}


@pytest.mark.parametrize("name", SCALARS)
def test_a_scalar_is_the_innermost_one(tmp_path: Path, name: str) -> None:
    lines = (f"{name} 1;", "server {", f"{name} 2;", "location / {", "location /a {", "}", "}", "}")

    assert settings(tmp_path, *lines) == {name: "2 | 4"}


@pytest.mark.parametrize("name", COLLECTING)
def test_the_lines_of_one_level_count_together(tmp_path: Path, name: str) -> None:
    argument = ARGUMENT.get(name, "{}")
    lines = [f"{name} {argument.format(it)};" for it in "abc"]
    said = "; ".join(argument.format(it) for it in "abc")

    assert settings(tmp_path, *lines, "server { location / { } }") == {name: f"{said} | 2"}


@pytest.mark.parametrize("name", COLLECTING)
def test_a_level_with_lines_of_its_own_has_none_of_the_outer_ones(
    tmp_path: Path, name: str
) -> None:
    argument = ARGUMENT.get(name, "{}")
    lines = [f"{name} {argument.format(it)};" for it in "ab"]
    inner = ["server {", f"{name} {argument.format('c')};", "location / { }", "}"]

    assert settings(tmp_path, *lines, *inner) == {name: f"{argument.format('c')} | 5"}


def test_an_empty_value_is_a_value(tmp_path: Path) -> None:
    found = settings_at(levels(tmp_path, "proxy_set_header Connection '';"))

    assert found["proxy_set_header"].words == ("Connection", "")


def test_what_is_written_nowhere_is_no_setting(tmp_path: Path) -> None:
    assert settings(tmp_path, "server { location / { proxy_pass http://a; } }") == {}


def test_a_directive_of_another_location_is_not_in_effect(tmp_path: Path) -> None:
    lines = ("server {", "location /a { gzip on; }", "location /b { gzip off; }", "}")

    assert settings(tmp_path, *lines) == {"gzip": "off | 4"}


@pytest.mark.parametrize(
    ("how", "added"),
    [
        (("on", ""), "X-C v | 5"),
        (("merge", ""), "X-C v; X-A v; X-B v | 5"),
        (("merge", "on"), "X-C v | 5"),
        (("", "off"), "X-C v | 5"),
        (("off", "merge"), "X-C v; X-A v; X-B v | 5"),
    ],
)
def test_added_headers_are_merged_where_that_is_said(
    tmp_path: Path, how: tuple[str, str], added: str
) -> None:
    """add_header_inherit, https://nginx.org/en/docs/http/ngx_http_headers_module.html."""
    outer, inner = (f"add_header_inherit {it};" if it else "" for it in how)
    lines = (
        f"add_header X-A v; add_header X-B v; {outer}",
        "server {", inner, "add_header X-C v;", "}",
    )  # fmt: skip

    assert settings(tmp_path, *lines) == {"add_header": added}


def test_added_headers_end_where_that_is_said(tmp_path: Path) -> None:
    lines = ("add_header X-A v;", "server {", "add_header_inherit off;", "location / { }", "}")

    assert settings(tmp_path, *lines) == {}


def test_a_scalar_twice_at_a_level_is_refused(tmp_path: Path) -> None:
    lines = ("gzip on;", "server {", "gzip on;", "gzip off;", "}")

    with pytest.raises(ScenarioError) as caught:
        settings(tmp_path, *lines)

    assert str(caught.value) == "nginx.conf:5: duplicate gzip, first at nginx.conf:4"


def test_a_setting_has_the_lines_it_is_made_of(tmp_path: Path) -> None:
    (block,) = levels(tmp_path, "gzip_types a b;", "gzip_types c;")
    first, second = block.block or ()

    assert settings_at([block])["gzip_types"] == Written((first, second))
