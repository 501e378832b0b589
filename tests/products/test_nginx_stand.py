"""What nginx itself is given in place of the user's own nginx.conf."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.products import product
from harness.products.nginx_conf import NginxConf, read
from harness.products.nginx_directives import Directive
from harness.products.nginx_files import read_files
from harness.products.nginx_place import Place
from harness.products.nginx_stand import left_out, standing
from tests.products.nginx_files import written

LISTEN = "127.0.0.1:8080"
UPSTREAM = "127.0.0.1:9000"


def found(folder: Path, *lines: str, location: str = "/", **others: str) -> NginxConf:
    return read(written(folder, *lines, **others), location, product("nginx"), name="nginx.conf")


def text(folder: Path, *lines: str, location: str = "/", **others: str) -> str:
    it = found(folder, *lines, location=location, **others)
    place = Place((LISTEN,), UPSTREAM, "/scratch", is_root=False, folder=folder)
    return standing(it.main, it.route, place)


def told(folder: Path, *lines: str, location: str = "/", **others: str) -> list[str]:
    """Each directive that it is given, depth first, with those it stands in."""
    (folder / "given.conf").write_text(text(folder, *lines, location=location, **others))
    return list(_told(read_files(folder / "given.conf", "given.conf"), ()))


def _told(level: Directive, inside: tuple[str, ...]) -> Any:
    for it in level.block or ():
        yield " / ".join((*inside, str(it)))
        yield from _told(it, (*inside, str(it)))


def of_location(folder: Path, *lines: str, location: str = "/") -> list[str]:
    """What the location is given that has these lines."""
    start = "http / server / location / / "
    all_of_it = told(folder, "http { server { location / {", *lines, "} } }", location=location)
    return [it.removeprefix(start) for it in all_of_it if it.startswith(start)]


def test_it_runs_in_the_foreground_and_writes_to_its_own_directory_only(tmp_path: Path) -> None:
    given = told(
        tmp_path,
        "user www-data; worker_processes auto; pid /run/nginx.pid; error_log /var/log/e.log;",
        "pcre_jit on; events { worker_connections 9; }",
        "http { access_log /var/log/a.log; proxy_temp_path /var/tmp 1 2;",
        "proxy_cache_path /var/cache/a levels=1:2 keys_zone=a:1m;",
        "fastcgi_cache_path /var/cache/b keys_zone=b:1m;",
        "server { access_log /x; location / { error_log /y; proxy_store /z; proxy_pass http://a;",
        "proxy_temp_path /q; } } }",
        "stream { server { listen 9; } }",
    )

    assert given[:7] == [
        "daemon off",
        "worker_processes 1",
        "pid /scratch/nginx.pid",
        "error_log stderr",
        "pcre_jit on",
        "events",
        "events / worker_connections 9",
    ]
    assert "http / proxy_cache_path /scratch/cache-1 levels=1:2 keys_zone=a:1m" in given
    assert "http / fastcgi_cache_path /scratch/cache-2 keys_zone=b:1m" in given
    assert "http / access_log off" in given
    assert "http / proxy_temp_path /scratch/proxy" in given
    all_of_it = "\n".join(given)
    for gone in ("/var", "/run", "/x", "/y", "/z", "/q", "stream", "www-data"):
        assert gone not in all_of_it


def test_it_listens_for_the_server_that_is_meant_and_speaks_plain(tmp_path: Path) -> None:
    given = told(
        tmp_path,
        "http { ssl_protocols TLSv1.3; server { listen 80; return 301 https://a.test; }",
        "server { listen 443 ssl http2; listen [::]:443 ssl; server_name a.test; http2 on;",
        "ssl_certificate a.pem; ssl_certificate_key a.key; keepalive_timeout 9s;",
        "location / { proxy_pass https://a; proxy_ssl_verify on; } }",
        "server { listen 8443 ssl; location /other { proxy_pass http://b; } } }",
    )

    assert [it for it in given if "listen" in it] == [f"http / server / listen {LISTEN}"]
    assert "http / server / keepalive_timeout 9s" in given
    assert f"http / server / location / / proxy_pass http://{UPSTREAM}" in given
    assert not [it for it in given if "ssl" in it or "http2" in it or "return" in it]


def test_the_location_that_is_meant_is_there_for_every_uri(tmp_path: Path) -> None:
    given = told(
        tmp_path,
        "http { server {",
        "location / { root /var/www; }",
        "location ~ ^/api { proxy_buffering off;",
        "  location ~ /v[12]/stream$ { proxy_pass http://a/x; proxy_read_timeout 9s; }",
        "  location ~ /more$ { proxy_pass http://b; } }",
        "location = /50x.html { root /html; } location @alone { return 503; }",
        "location = /far { proxy_pass http://c; } location @far { proxy_pass http://c; }",
        "} }",
        location="/api/v1/stream",
    )

    locations = [it for it in given if "location" in it]
    assert locations == [
        "http / server / location = /50x.html",
        "http / server / location = /50x.html / root /html",
        "http / server / location @alone",
        "http / server / location @alone / return 503",
        "http / server / location /",
        "http / server / location / / proxy_buffering off",
        "http / server / location / / location /",
        "http / server / location / / location / / proxy_set_header Host $http_host",
        f"http / server / location / / location / / proxy_pass http://{UPSTREAM}",
        "http / server / location / / location / / proxy_read_timeout 9s",
    ]


def test_an_upstream_keeps_all_but_its_servers(tmp_path: Path) -> None:
    given = told(
        tmp_path,
        "http { upstream app { least_conn; server a.test weight=2; server b.test backup;",
        "keepalive 8; } upstream other { server nowhere.invalid; }",
        "server { location / { proxy_pass http://app/path; } } }",
    )

    assert [it for it in given if "upstream" in it] == [
        "http / upstream app",
        f"http / upstream app / server {UPSTREAM}",
        "http / upstream app / least_conn",
        "http / upstream app / keepalive 8",
    ]
    assert given[-1] == "http / server / location / / proxy_pass http://app"


@pytest.mark.parametrize(
    ("around", "inside", "fields"),
    [
        ("", "", ["location / / proxy_set_header Host $http_host"]),
        (
            "",
            "proxy_set_header X-A b; proxy_set_header host x;",
            [
                "location / / proxy_set_header Host $http_host",
                "location / / proxy_set_header X-A b",
            ],
        ),
        (
            "proxy_set_header Connection ''; proxy_set_header Host $host;",
            "",
            ["proxy_set_header Host $http_host", 'proxy_set_header Connection ""'],
        ),
    ],
)
def test_the_target_is_asked_by_the_name_that_the_client_used(
    around: str, inside: str, fields: list[str], tmp_path: Path
) -> None:
    given = told(
        tmp_path, f"http {{ server {{ {around} location / {{ {inside} proxy_pass http://a; }} }} }}"
    )

    assert [it for it in given if "proxy_set_header" in it] == [
        f"http / server / {it}" for it in fields
    ]


@pytest.mark.parametrize(
    "line",
    [
        "auth_basic x;",
        "auth_request /auth;",
        "allow 10.0.0.0/8;",
        "deny all;",
        "satisfy any;",
        "limit_except GET { deny all; }",
        "mirror /copy;",
        "rewrite ^/a(.*)$ $1 break;",
        "if ($scheme = http) { return 301 https://a; }",
        "if ($host != 'a.test') { return 444; }",
        "if (!-f $request_filename) { rewrite ^ /b last; }",
        "if ($request_uri ~ ^/x) { return 404; }",
    ],
)
def test_what_depends_on_the_way_a_request_came_is_left_out_and_told(
    line: str, tmp_path: Path
) -> None:
    lines = (line, "proxy_pass http://a;")

    assert of_location(tmp_path, *lines) == of_location(tmp_path, lines[1])
    route = found(tmp_path, "http { server { location / {", *lines, "} } }").route
    assert [it.name for it in left_out(route)] == [line.partition(" ")[0]]


@pytest.mark.parametrize(
    "line",
    [
        "gzip on;",
        "limit_rate 1k;",
        "postpone_output 0;",
        "sub_filter a b;",
        "add_header X-A 'b c' always;",
        "if ($request_method = POST) { return 405; }",
        "if ($http_accept ~ json) { return 406; }",
        "set $a 'b c';",
        "proxy_next_upstream error timeout;",
    ],
)
def test_everything_else_is_given_as_it_is(line: str, tmp_path: Path) -> None:
    name = line.partition(" ")[0]

    assert any(it.startswith(name) for it in of_location(tmp_path, line, "proxy_pass http://a;"))
    route = found(tmp_path, f"http {{ server {{ location / {{ {line} proxy_pass http://a; }} }} }}")
    assert list(left_out(route.route)) == []


def test_a_condition_that_stays_passes_to_the_chain_too(tmp_path: Path) -> None:
    line = "if ($http_x_canary) { proxy_pass http://canary; }"
    given = of_location(tmp_path, line, "proxy_pass http://a;")

    assert f"if ($http_x_canary) / proxy_pass http://{UPSTREAM}" in given


def test_includes_are_in_their_places_and_those_of_tables_are_found(tmp_path: Path) -> None:
    given = text(
        tmp_path,
        "http { include sites/*.conf; map $uri $a { default 0; include maps/a; '' 1; } }",
        sites__a="server { location / { include proxy.conf; proxy_pass http://a; } }",
        proxy="proxy_buffering off;",
    )

    assert "proxy_buffering off;" in given
    assert f"include {tmp_path}/maps/a;" in given
    assert '"" 1;' in given


@pytest.mark.parametrize("first", ["server { location / {", "location / {"])
def test_a_file_that_is_included_into_another_is_enough(first: str, tmp_path: Path) -> None:
    end = "}" * first.count("{")
    given = told(tmp_path, first, "proxy_buffering off; proxy_pass http://a;", end)

    assert "events" in given
    assert "http / server / location / / proxy_buffering off" in given


def test_it_takes_a_few_processes_rights_only_from_root(tmp_path: Path) -> None:
    it = found(tmp_path, "http { server { location / { proxy_pass http://a; } } }")
    place = Place((LISTEN, "127.0.0.1:8081 http2"), UPSTREAM, "/s", is_root=True, folder=tmp_path)
    given = standing(it.main, it.route, place)

    assert "user root;" in given
    assert "listen 127.0.0.1:8081 http2;" in given


@settings(max_examples=80, derandomize=True, deadline=None, database=None)
@given(words=st.lists(st.text("ab \\\"'{};#$(){}~^\t\n", max_size=6), min_size=1, max_size=4))
def test_any_argument_is_read_as_it_was(
    words: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    quoted = ['"' + it.replace("\\", "\\\\").replace('"', '\\"') + '"' for it in words]
    line = f"sub_filter {' '.join(quoted)};"
    conf = ("http { server { location / {", line, "proxy_pass http://a; } } }")
    before = found(folder, *conf)
    (folder / "given.conf").write_text(text(folder, *conf))
    after = read(folder / "given.conf", "/", product("nginx"))

    for it in (before, after):
        (filtered,) = it.route.location.directive.having("sub_filter")
        assert filtered.args == tuple(words)
