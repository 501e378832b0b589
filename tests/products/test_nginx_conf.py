"""What is said of one location of an nginx configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import products
from harness.errors import ScenarioError
from harness.products import nginx_conf
from harness.products.expression import parse
from harness.products.nginx_conf import NginxConf
from harness.products.nginx_inherit import KNOWN
from tests.products.nginx_files import FIRST, written

NGINX = products.product("nginx")
PROXIED = "proxy_pass http://app;"


def read(folder: Path, *lines: str, uri: str = "/api", server: str = "") -> NginxConf:
    """Read these lines of http; the first stands on line 2."""
    file = written(folder, "http {", *lines, "}")
    return nginx_conf.read(file, uri, NGINX, server=server, name=FIRST)


def at(folder: Path, *lines: str) -> NginxConf:
    """Read these lines of a location, the first on line 4."""
    return read(folder, "server {", f"location / {{ {PROXIED}", *lines, "}", "}")


def refused(folder: Path, *lines: str, uri: str = "/api", server: str = "") -> str:
    with pytest.raises(ScenarioError) as caught:
        read(folder, *lines, uri=uri, server=server)
    return str(caught.value)


# -- the way there ---------------------------------------------------------------------------------


def test_settings_come_with_their_lines(tmp_path: Path) -> None:
    lines = (
        "proxy_read_timeout 60s;",
        "server { listen 80;",
        f"location /api {{ {PROXIED}",
        "}",
        "}",
    )
    found = read(tmp_path, *lines)
    (name, setting), *rest = found.settings.items()

    assert (name, setting.value, str(setting.place), rest) == (
        "proxy_read_timeout", "60s", "nginx.conf:2", [],
    )  # fmt: skip
    assert (found.server, found.location) == (
        "nginx.conf:3 (listen 80)", "location /api (nginx.conf:4)",
    )  # fmt: skip


def test_a_query_counts_for_nothing(tmp_path: Path) -> None:
    lines = ("server {", f"location = /api {{ {PROXIED} gzip on; }}", "}")

    assert list(read(tmp_path, *lines, uri="/api?x=/other").settings) == ["gzip"]


@pytest.mark.parametrize(
    ("lines", "location"),
    [
        (("location / { try_files $uri $uri/ @app; }", f"location @app {{ {PROXIED} }}"), 4),
        (("location / { try_files $uri /up$is_args$args; }", f"location = /up {{ {PROXIED} }}"), 4),
        (("location / { try_files a /up?x; }", f"location /up {{ internal; {PROXIED} }}"), 4),
        (("try_files $uri @app;", f"location @app {{ {PROXIED} }}"), 4),
    ],
)
def test_what_is_no_file_is_followed(tmp_path: Path, lines: tuple[str, ...], location: int) -> None:
    found = read(tmp_path, "server {", *lines, "}")

    assert found.location.endswith(f"(nginx.conf:{location})")
    assert str(found.notes[0]).startswith("nginx.conf:3: try_files ")


def test_a_named_location_can_be_asked_for(tmp_path: Path) -> None:
    lines = ("server {", f"location @app {{ {PROXIED} gzip on; }}", "}")

    assert list(read(tmp_path, *lines, uri="@app").settings) == ["gzip"]


def test_slashes_are_merged_unless_the_server_keeps_them(tmp_path: Path) -> None:
    lines = ("server {", f"location /a/b {{ {PROXIED} }}", f"location //a {{ {PROXIED} gzip on; }}")

    assert list(read(tmp_path, *lines, "}", uri="//a//b").settings) == []
    assert list(read(tmp_path, *lines, "merge_slashes off; }", uri="//a//b").settings) == ["gzip"]


@pytest.mark.parametrize(
    ("lines", "uri", "message"),
    [
        ((f"location /a {{ {PROXIED} }}",), "/b", "2: no location of this server matches /b"),
        (("location / { root /var; }",), "/", "3: location / proxies nothing"),
        (("location / { return 204; }",), "/", "3: location / proxies nothing: return 204"),
        ((f"location / {{ {PROXIED} return 204; }}",), "/", "3: location / proxies nothing: ret"),
        (("location / {", "uwsgi_pass a; }"), "/", "3: location / proxies nothing: uwsgi_pass a ("),
        (("location / { rewrite ^ /a; }",), "/", "3: location / proxies nothing: rewrite ^ /a (ng"),
        (
            (f"location / {{ if ($a = b) {{ {PROXIED} }} }}",), "/",
            "3: location / proxies nothing: if ($a = b) (nginx.conf:3)",
        ),
        (("return 301 https://$host;", f"location / {{ {PROXIED} }}"), "/", "3: the server answ"),
        ((f"location /a/ {{ {PROXIED} }}",), "/a", "3: /a is answered with a redirect to /a/"),
        ((f"location / {{ {PROXIED} internal; }}",), "/a", "3: location / is internal: /a is"),
        (("location / { try_files $uri =404; }",), "/", "3: try_files $uri =404: what is no"),
        (("location / { try_files a $b; }",), "/", "3: try_files a $b cannot be followed"),
        (("location / { try_files a /b; }",), "/", "3: try_files a /b goes round in circles"),
        (("location / { try_files a @b; }", "location @c { }"), "/", "2: this server has no"),
        ((f"location / {{ {PROXIED} }}",), "/%zz", "2: expected a path such as /api/str"),
    ],
)  # fmt: skip
def test_what_is_not_proxied_is_no_intermediary(
    tmp_path: Path, lines: tuple[str, ...], uri: str, message: str
) -> None:
    said = refused(tmp_path, "server {", *lines, "}", uri=uri)

    assert said.startswith(f"nginx.conf:{message}")
    assert "\n" not in said


@pytest.mark.parametrize("uri", ["", "api", "http://a/b"])
def test_a_location_is_a_path_or_a_name(tmp_path: Path, uri: str) -> None:
    assert refused(tmp_path, uri=uri).startswith("location: expected a path such as /api/stream, ")


# -- one of several servers ------------------------------------------------------------------------

REDIRECTING = "server { listen 80; server_name a; return 301 https://$host$request_uri; }"
SECURE = f"server {{ listen 443 ssl; server_name a; location / {{ {PROXIED} gzip on; }} }}"


@pytest.mark.parametrize("server", ["", "a"])
def test_the_server_that_proxies_is_meant(tmp_path: Path, server: str) -> None:
    found = read(tmp_path, REDIRECTING, SECURE, server=server)

    assert found.server == "nginx.conf:3 (listen 443 ssl, server_name a)"
    assert "of 2 servers" in str(found.notes[0])


def test_servers_that_say_the_same_are_one(tmp_path: Path) -> None:
    found = read(tmp_path, SECURE, SECURE.replace("443 ssl", "8443"))

    assert found.server.startswith("nginx.conf:2 ")


def test_servers_that_differ_have_to_be_chosen_from(tmp_path: Path) -> None:
    other = SECURE.replace("443 ssl", "8443").replace("gzip on", "gzip off")

    assert refused(tmp_path, SECURE, other).endswith("; choose one by name or port")
    assert read(tmp_path, SECURE, other, server="8443").settings["gzip"].value == "off"


def test_when_no_server_proxies_each_says_why(tmp_path: Path) -> None:
    other = "server { listen 81; location /a/ { } }"

    assert refused(tmp_path, REDIRECTING, other) == (
        "nginx.conf:1: none of 2 servers proxies /api: "
        "nginx.conf:2: the server answers with return 301 https://$host$request_uri, and proxies "
        "nothing; nginx.conf:3: no location of this server matches /api"
    )


# -- files that others include ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "into"),
    [
        (f"server {{ location / {{ {PROXIED} gzip on; }} }}", "included into http"),
        (f"location / {{ {PROXIED} gzip on; }}", "included into a server"),
    ],
)
def test_a_file_for_conf_d_is_read_as_if_included(tmp_path: Path, text: str, into: str) -> None:
    found = nginx_conf.read(written(tmp_path, text), "/api", NGINX, name=FIRST)

    assert (list(found.settings), into in str(found.notes[0])) == (["gzip"], True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("events { }", "nginx.conf:1: expected http, a server or a location, found none of them"),
        ("http { }\nhttp { }", "nginx.conf:2: duplicate http, first at nginx.conf:1"),
    ],
)
def test_what_is_no_http_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        nginx_conf.read(written(tmp_path, text), "/", NGINX, name=FIRST)

    assert str(caught.value) == message


# -- what is not modelled --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("limit_rate 4k;", ["limit_rate 4k (nginx.conf:4): slows the response down"]),
        ("brotli on;", ["brotli on (nginx.conf:4): compresses the body"]),
        ("nobody_knows secret;", ["nobody_knows (nginx.conf:4)"]),
        ("access_log off; error_log a; log_not_found off;", []),
        ("root /var; index a; sendfile on; tcp_nopush on;", []),
        ("client_max_body_size 1m; auth_basic a; allow all;", []),
        ("proxy_ssl_verify off; proxy_redirect off; proxy_bind off;", []),
        ("fastcgi_read_timeout 1h;", []),
        ("tcp_nodelay on;", []),
        (
            "tcp_nodelay off;",
            ["tcp_nodelay off (nginx.conf:4): whether small writes leave at once"],
        ),
        ("gzip_comp_level 9;", []),
        ("gzip on; gzip_comp_level 9;", []),
        ("gzip on; gzip_types *; gzip_window 4k;", ["gzip_window 4k (nginx.conf:4)"]),
        ("gzip on; gzip_types *; gzip_vary on; gzip_comp_level 9; gzip_buffers 4 8k;", []),
        ("proxy_cache_key a;", []),
        ("proxy_cache off; proxy_cache_key a;", []),
        ("proxy_cache one; proxy_cache_min_uses 2;", ["proxy_cache_min_uses 2 (nginx.conf:4)"]),
        ("rewrite ^/a /b break;", []),
        (
            "rewrite ^/a /b last;",
            ["rewrite ^/a /b last (nginx.conf:4): changes the URI, and with "],
        ),
        ("if ($a) { set $b c; }", []),
        ("proxy_set_body secret;", ["proxy_set_body (nginx.conf:4): upstream sees another body"]),
        ("if ($a = secret) { gzip off; }", ["if ($a …) (nginx.conf:4): under a condition, "]),
        ("if ($a) { gzip off; }", ["if ($a) (nginx.conf:4): under a condition, which is not eval"]),
        ("if ($a) { return 204; }", ["if ($a) (nginx.conf:4): under a condition, which is not ev"]),
        ("limit_except GET { deny all; }", ["limit_except GET (nginx.conf:4): treats other metho"]),
    ],
)
def test_what_touches_a_response_and_is_not_modelled_is_named(
    tmp_path: Path, line: str, said: list[str]
) -> None:
    found = list(map(str, at(tmp_path, line).unmodelled))

    assert [it[: len(there)] for it, there in zip(found, said, strict=True)] == said


def test_only_the_innermost_line_is_in_effect(tmp_path: Path) -> None:
    lines = (
        "limit_rate 1;",
        "server { limit_rate 2;",
        f"location / {{ {PROXIED} limit_rate 3; }} }}",
    )

    assert [it.text for it in read(tmp_path, *lines).unmodelled] == ["limit_rate 3"]


def test_the_rewrites_of_server_and_location_are_both_in_effect(tmp_path: Path) -> None:
    lines = (
        "server { rewrite ^/a /b;",
        "if ($c) { return 403; }",
        f"location / {{ {PROXIED} rewrite ^/d /e;",
        f"location /api {{ {PROXIED} rewrite ^/f /g; }} }} }}",
    )

    assert [it.text for it in read(tmp_path, *lines).unmodelled] == [
        "rewrite ^/a /b", "if ($c)", "rewrite ^/f /g",
    ]  # fmt: skip


def test_whatever_is_read_is_a_setting_of_the_product_and_the_other_way_round() -> None:
    assert NGINX.settings.keys() == KNOWN


# -- remarks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("proxy_set_header X-Accel-Buffering no;", "in upstream's response, not in a request"),
        ("add_header x-accel-buffering no;", "this one is for an nginx in front"),
        ("proxy_send_timeout 1h;", "it is the time between two writes of the request"),
        ("keepalive_timeout 1h;", "it is the time a connection waits for the next request"),
        ("send_timeout 1h;", "it is the time a client may take no bytes"),
        ("proxy_connect_timeout 1h;", "the connection to upstream may take"),
        ("proxy_set_header connection Keep-Alive;", "the version of HTTP decides"),
        ("proxy_cache off;", "nothing is cached without it"),
        ("proxy_cache_lock on;", "nothing is cached here"),
        ("proxy_cache_valid 1m;", "nothing is cached here"),
        ("proxy_buffering off; proxy_buffers 8 4k;", "without buffering only proxy_buffer_size"),
        ("proxy_request_buffering off;", "it is about the body of a request"),
        ("gzip on;", "gzip_types has no text/event-stream"),
        ("gzip on; gzip_types text/css;", "gzip_types has no text/event-stream"),
        ("tcp_nodelay on;", "it is the default"),
        ("uwsgi_buffering off;", "the location is proxied"),
    ],
)
def test_a_line_that_does_nothing_is_remarked(tmp_path: Path, line: str, said: str) -> None:
    (note,) = at(tmp_path, line).notes

    assert note.text.split(" does nothing for a stream: ")[1].find(said) >= 0
    assert (str(note.place), note.source.partition("#")[0].endswith("module.html")) == (
        "nginx.conf:4", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "proxy_set_header Connection '';",
        "proxy_set_header X-Accel no;",
        "proxy_cache one; proxy_cache_valid 1m; proxy_cache_lock on;",
        "proxy_buffers 8 4k;",
        "gzip on; gzip_types text/event-stream;",
        "gzip on; gzip_types *;",
        "gzip off;",
        "proxy_read_timeout 1h; proxy_buffering off; proxy_http_version 1.1;",
        "tcp_nodelay off;",
    ],
)
def test_a_line_that_does_something_is_not_remarked(tmp_path: Path, line: str) -> None:
    assert at(tmp_path, line).notes == ()


def test_what_a_variable_decides_is_not_remarked(tmp_path: Path) -> None:
    (note,) = at(tmp_path, "proxy_cache $zone; proxy_cache_valid 1m;").notes

    assert str(note) == "proxy_cache of nginx.conf:4: $zone not evaluated"


def test_a_value_that_nginx_would_not_take_decides_nothing(tmp_path: Path) -> None:
    assert at(tmp_path, "proxy_buffering maybe; proxy_buffers 8 4k;").notes == ()


def test_no_version_decides_which_lines_do_nothing() -> None:
    asked = {name for it in NGINX.idle_lines if it.if_ for name in parse(it.if_).names}

    assert asked
    assert not asked & {name for changed in NGINX.versions.values() for name in changed}


def test_variables_are_said_not_to_be_evaluated(tmp_path: Path) -> None:
    lines = ("proxy_set_header Connection ${http_a}$b$b;", 'proxy_set_header C "d";')
    found = at(tmp_path, *lines, "proxy_set_header E $f;")

    assert list(map(str, found.notes)) == [
        "proxy_set_header of nginx.conf:4, nginx.conf:6: ${http_a}, $b, $f not evaluated"
    ]


def test_lines_that_an_inner_level_replaces_are_remarked(tmp_path: Path) -> None:
    lines = ("add_header A b;", "add_header B c;", f"server {{ location / {{ {PROXIED}")
    (note,) = read(tmp_path, *lines, "add_header C d; } }").notes

    assert str(note) == (
        "add_header of nginx.conf:2, nginx.conf:3 is not in effect here: "
        "add_header at nginx.conf:5 replaces those of the levels around"
    )


def test_what_is_asked_for_is_a_setting_and_the_rest_not_modelled(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "http { gzip on; gzip_types a; server { location / {",
        "proxy_pass http://a; proxy_buffering off; send_timeout 1;",
        'proxy_set_header Authorization "Basic secret"; } } }',
    )
    alone = {"gzip": NGINX.settings["gzip"]}
    with_gzip_alone = NGINX.model_copy(update={"settings": alone, "no_effect": ()})
    found = nginx_conf.read(file, "/", with_gzip_alone, name=FIRST)

    assert list(found.settings) == ["gzip"]
    assert list(map(str, found.unmodelled)) == [
        "proxy_buffering off (nginx.conf:2)",
        "send_timeout 1 (nginx.conf:2)",
        "proxy_set_header Authorization [redacted] (nginx.conf:3)",
    ]
