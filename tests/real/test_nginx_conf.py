"""What is in effect at a location, and where from, against what nginx does with the same files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import products
from harness.errors import ScenarioError
from harness.products import nginx_conf
from harness.products.nginx_conf import NginxConf
from harness.products.nginx_files import read_files
from tests.real import nginx

pytestmark = pytest.mark.real

NGINX = products.product("nginx")

# -- files -----------------------------------------------------------------------------------------

FILES = {
    "nginx.conf": f"""events {{ worker_connections 64; }}
http {{
    {nginx.QUIET}
    include types.conf;   # of three lines
    proxy_read_timeout 61s;
    proxy_buffers 16 4k;
    proxy_set_header X-Outer 1;
    proxy_set_header Host $host;
    add_header X-Outer "with \\"quotes\\"";
    gzip_types text/plain
        text/event-stream;
    proxy_cache_path cache keys_zone=one:1m;
    include sites/*.conf;
}}
""",
    "types.conf": "types {\n    text/event-stream sse;\n}\n",
    "sites/a.conf": """
server {
    listen 127.0.0.1:8081;
    server_name a.test;
    proxy_read_timeout 62s;
    include snippets/proxied.conf;
    location / { proxy_pass http://127.0.0.1:9; }
    location /api/ {
        include ./snippets/stream.conf;
        location /api/deep/ {
            gzip on;
            proxy_read_timeout 3600s;
            proxy_pass http://127.0.0.1:9;
            include snippets/stream-headers.conf;
        }
    }
}
""",
    "sites/b.conf": """server {
    listen 127.0.0.1:8082;
    location = /stream { include snippets/stream.conf; send_timeout 5; }
}
""",
    "sites/.hidden.conf": "this is no configuration }",
    "sites/notes.txt": "nor { is this",
    "snippets/proxied.conf": """proxy_http_version 1.1;
proxy_hide_header X-A; proxy_hide_header X-B;
""",
    "snippets/stream.conf": """proxy_pass http://127.0.0.1:9;
proxy_buffering off; proxy_ignore_headers Cache-Control
    Expires;
include snippets/stream-headers.conf;
""",
    "snippets/stream-headers.conf": """proxy_set_header Connection '';
proxy_set_header X-Real-IP $remote_addr;
""",
}

OF_HTTP = {
    "proxy_buffers": ("16 4k", "nginx.conf:6"),
    "add_header": ('X-Outer with "quotes"', "nginx.conf:9"),
    "gzip_types": ("text/plain text/event-stream", "nginx.conf:10"),
}
OF_SERVER = {
    "proxy_http_version": ("1.1", "snippets/proxied.conf:1"),
    "proxy_read_timeout": ("62s", "sites/a.conf:5"),
    "proxy_hide_header": ("X-A; X-B", "snippets/proxied.conf:2"),
}
OF_STREAM = {
    "proxy_buffering": ("off", "snippets/stream.conf:2"),
    "proxy_ignore_headers": ("Cache-Control Expires", "snippets/stream.conf:2"),
    "proxy_set_header": ("Connection ; X-Real-IP $remote_addr", "snippets/stream-headers.conf:1"),
}
# URI and server → directive → value and place, read off the files above by hand.
EXPECTED = {
    ("/other", "a.test"): OF_HTTP
    | OF_SERVER
    | {"proxy_set_header": ("X-Outer 1; Host $host", "nginx.conf:7")},
    ("/api/x", "8081"): OF_HTTP | OF_SERVER | OF_STREAM,
    ("/api/deep/x?/other", "a.test:8081"): OF_HTTP
    | OF_SERVER
    | OF_STREAM
    | {"proxy_read_timeout": ("3600s", "sites/a.conf:12"), "gzip": ("on", "sites/a.conf:11")},
    ("/stream", "8082"): OF_HTTP
    | OF_STREAM
    | {
        "proxy_read_timeout": ("61s", "nginx.conf:5"),
        "send_timeout": ("5", "sites/b.conf:3"),
    },
}


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder / "nginx.conf"


@pytest.fixture(scope="module")
def dump(conf: Path) -> Path:
    """The output of `nginx -T`, both streams in one file, as users have it."""
    done = nginx.tested(conf, "-T")
    assert done.returncode == 0, done.stderr
    file = conf.parent / "dump.txt"
    file.write_text(done.stderr + done.stdout)
    return file


def told(found: NginxConf, folder: str = "") -> dict[str, tuple[str, str]]:
    return {
        name: (it.value, str(it.place).removeprefix(folder)) for name, it in found.settings.items()
    }


def test_nginx_takes_the_files(conf: Path) -> None:
    done = nginx.tested(conf, "-t")

    assert (done.returncode, "syntax is ok" in done.stderr) == (0, True)


@pytest.mark.parametrize(("uri", "server"), EXPECTED)
def test_each_setting_is_traced_to_its_line(conf: Path, uri: str, server: str) -> None:
    found = nginx_conf.read(conf, uri, NGINX, server=server, name="nginx.conf")

    assert told(found) == EXPECTED[uri, server]


@pytest.mark.parametrize(("uri", "server"), EXPECTED)
def test_a_dump_says_the_same_with_the_same_lines(
    conf: Path, dump: Path, uri: str, server: str
) -> None:
    found = nginx_conf.read(dump, uri, NGINX, server=server)

    assert told(found, f"{conf.parent}/") == EXPECTED[uri, server]


def test_every_place_is_where_nginx_has_the_directive(conf: Path, dump: Path) -> None:
    """nginx itself is asked for a line: with the directive broken there, it complains of it."""
    place = (
        nginx_conf.read(conf, "/api/deep/", NGINX, server="8081")
        .settings["proxy_read_timeout"]
        .place
    )
    lines = Path(place.file).read_text().splitlines(keepends=True)
    broken = [*lines]
    broken[place.line - 1] = broken[place.line - 1].replace("3600s", "3600x")
    try:
        Path(place.file).write_text("".join(broken))
        said = nginx.tested(conf, "-t").stderr
    finally:
        Path(place.file).write_text("".join(lines))

    assert f'"proxy_read_timeout" directive invalid value in {place}' in said


# -- inheritance -----------------------------------------------------------------------------------

LEVELS = """events {{}}
http {{
    {quiet}
    default_type text/plain; gzip_min_length 1;
    {http}
    server {{
        listen 127.0.0.1:{upstream};
        gzip off;
        add_header X-One 1; add_header X-Two 2; add_header X-Pad 3;
        add_header Cache-Control max-age=9;  # or any word but off would do for gzip_proxied
        location / {{ return 200 "$server_protocol|$http_x_one|$http_x_two|$http_connection"; }}
    }}
    server {{
        listen 127.0.0.1:{port};
        {server}
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            {outer}
            location /inner {{
                proxy_pass http://127.0.0.1:{upstream};
                {inner}
            }}
        }}
    }}
}}
"""

# Directives at http, at the server, at a location and at one inside it.
CASES = {
    "nothing": ("", "", "", ""),
    "http only": ("proxy_set_header X-One a; proxy_http_version 1.1;", "", "", ""),
    "headers replaced as a whole": (
        "proxy_set_header X-One a; proxy_set_header X-Two b;", "", "", "proxy_set_header X-One c;",
    ),
    "headers of one level together": (
        "proxy_set_header X-One a;", "proxy_set_header X-One b; proxy_set_header X-Two b;", "", "",
    ),
    "scalars overridden one by one": (
        "proxy_http_version 1.1; gzip on; gzip_types text/plain; gzip_proxied any;",
        "proxy_http_version 1.0;", "gzip off;", "proxy_http_version 1.1;",
    ),
    "types replaced": (
        "gzip on; gzip_types text/plain; gzip_proxied any;", "", "", "gzip_types text/css;",
    ),
    "types of one level together": (
        "gzip on; gzip_proxied any;", "gzip_types text/css; gzip_types text/plain;", "", "",
    ),
    "proxied replaced": (
        "gzip on; gzip_types *; gzip_proxied any;", "", "gzip_proxied off;",
        "gzip_proxied expired;",
    ),
    "hidden replaced": (
        "proxy_hide_header X-One;", "", "proxy_hide_header X-Two;", "proxy_hide_header x-one;",
    ),
    "hidden and passed apart": (
        "proxy_hide_header X-One;", "proxy_pass_header X-Pad;", "", "proxy_hide_header X-Two;",
    ),
    "added replaced": (
        "add_header X-Mine a;", "add_header X-Mine b;", "", "add_header X-Other c;",
    ),
    "added together": ("add_header X-Mine a;", "add_header X-Mine b; add_header X-Mine c;", "", ""),
    "connection": ("proxy_http_version 1.1;", 'proxy_set_header Connection "";', "", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[int, Path]]]:
    """An nginx for each case: its port and its configuration."""
    with ExitStack() as stack:
        found = {}
        for name, (http, server, outer, inner) in CASES.items():
            upstream, port = nginx.free_ports(2)
            conf = tmp_path_factory.mktemp("levels") / "nginx.conf"
            conf.write_text(
                LEVELS.format(
                    quiet=nginx.QUIET, upstream=upstream, port=port, http=http, server=server,
                    outer=outer, inner=inner,
                )
            )  # fmt: skip
            stack.enter_context(nginx.running(conf, [upstream, port]))
            found[name] = (port, conf)
        yield found


def predicted(found: NginxConf) -> dict[str, object]:
    """What the settings say of a response, defaults from nginx 1.22's documentation."""
    settings = found.settings

    def value(name: str, default: str) -> str:
        return settings[name].value if name in settings else default

    def words(name: str) -> list[str]:
        return [it.lower() for it in settings[name].words] if name in settings else []

    version = value("proxy_http_version", "1.0")
    sent = {"connection": "close"}
    if "proxy_set_header" in settings:
        sent |= {it.args[0].lower(): it.args[1] for it in settings["proxy_set_header"].lines}
    said = [f"HTTP/{version}"] + [sent.get(it, "") for it in ("x-one", "x-two", "connection")]
    hidden = {"x-pad", *words("proxy_hide_header")} - set(words("proxy_pass_header"))
    added = settings["add_header"].lines if "add_header" in settings else ()
    is_compressed = (
        value("gzip", "off") == "on"
        and bool({"*", "text/plain"} & set(words("gzip_types")))
        and "any" in words("gzip_proxied")
    )
    return {
        "said": None if is_compressed else "|".join(said),
        "upstream's": sorted({"x-one", "x-two", "x-pad"} - hidden),
        "added": sorted((it.args[0].lower(), it.args[1]) for it in added),
        "compressed": is_compressed,
    }


@pytest.mark.parametrize("uri", ["/x", "/inner"])
@pytest.mark.parametrize("name", CASES)
def test_what_is_in_effect_is_what_nginx_does(
    instances: dict[str, tuple[int, Path]], name: str, uri: str
) -> None:
    port, conf = instances[name]
    expected = predicted(nginx_conf.read(conf, uri, NGINX, server=str(port)))

    answer = nginx.ask(port, uri, fields={"Accept-Encoding": "gzip", "Via": "1.1 test"})
    mine = ("x-one", "x-two", "x-pad")
    is_compressed = answer.field("content-encoding") == "gzip"

    assert expected == {
        "said": None if is_compressed else answer.body.decode(),
        "upstream's": sorted(it for it, _ in answer.fields if it in mine),
        "added": sorted(it for it in answer.fields if it[0] in ("x-mine", "x-other")),
        "compressed": is_compressed,
    }


# -- what nginx refuses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("events {}\nhttp {\n  server {\n", 3),
        ("events {}\nhttp {\n  gzip on\n}\n", 3),
        ("events {}\nhttp {\n}\n}\n", 4),
        ('events {}\nhttp {\n  add_header A "b;\n}\n', 3),
        ("events {}\nhttp {\n  ;\n}\n", 3),
        ("events {}\nhttp {\n  include missing.conf;\n}\n", 3),
        ("events {}\nhttp {\n  include nginx.conf;\n}\n", 3),
        ("events {}\nhttp {\n  include;\n}\n", 3),
        ("events {}\nhttp {\n  include sub*;\n}\n", 3),
        ("events {}\nhttp { server { location / { proxy_pass http://a;\ngzip on; gzip on;}}}\n", 3),
        ("events {}\nhttp { server {} }\nhttp { server {} }\n", 3),
    ],
)  # fmt: skip
def test_what_nginx_refuses_is_refused_with_its_line(text: str, line: int, tmp_path: Path) -> None:
    conf = tmp_path / "nginx.conf"
    conf.write_text(text)
    (tmp_path / "subfolder").mkdir()

    assert nginx.tested(conf, "-t").returncode == 1
    with pytest.raises(ScenarioError, match=rf"^nginx\.conf:{line}: [^\n]+$"):
        nginx_conf.read(conf, "/", NGINX, name="nginx.conf")


ARGUMENTS = (
    "plain", '"a b"', "'c \"d\"'", r'"e \"f\""', r"'g \'h\''", r'i\"j', r'"k\\l"', r'"m\tn"',
    "o#p", '"q;r{s}"', r"v\.w", "x'y'z", '"more\nlines"', r'"\x\d"', r"'\\\''", '"café"',
)  # fmt: skip


def test_arguments_are_unquoted_as_nginx_does_it(tmp_path: Path) -> None:
    (port,) = nginx.free_ports(1)
    conf = tmp_path / "nginx.conf"
    lines = (f"location = /{at} {{ return 200 {it}; }}\n" for at, it in enumerate(ARGUMENTS))
    server = f"server {{ listen 127.0.0.1:{port};\n{''.join(lines)}}}"
    conf.write_text(f"events {{}}\nhttp {{ {nginx.QUIET}\n{server}\n}}\n")
    http = next(read_files(conf, "nginx.conf").having("http"))
    locations = next(http.having("server")).having("location")
    mine = [next(it.having("return")).args[1] for it in locations]

    with nginx.running(conf, [port]):
        its = [nginx.ask(port, f"/{at}").body.decode() for at in range(len(ARGUMENTS))]

    assert mine == its
