"""Which server a request belongs to, asked of nginx itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template

import pytest

from harness.errors import ScenarioError
from harness.products.nginx_directives import Directive
from harness.products.nginx_files import read_files
from harness.products.nginx_servers import choose_servers
from tests.real import nginx

pytestmark = pytest.mark.real

# Each server answers with the number of its line.
CONF = Template("""events {}
http { ${quiet}
server { listen 127.0.0.1:$a; server_name example.com www.example.com; return 200 3; }
server { listen 127.0.0.1:$a; server_name *.example.com; return 200 4; }
server { listen 127.0.0.1:$a; server_name *.deep.example.com mail.*; return 200 5; }
server { listen 127.0.0.1:$a; server_name mail.example.*; return 200 6; }
server { listen 127.0.0.1:$a; server_name "~^(?<n>w\\d{2})\\.test$$"; return 200 7; }
server { listen 127.0.0.1:$a; server_name ~^w ~X$$; return 200 8; }
server { listen 127.0.0.1:$a; server_name .example.org; return 200 9; }
server { listen 127.0.0.1:$a; server_name _ ""; return 200 10; }
server { listen 127.0.0.1:$b; server_name other; return 200 11; }
server { listen 127.0.0.1:$b default_server; server_name Example.COM; return 200 12; }
server { listen 127.0.0.2:$a; listen 127.0.0.2:$b; server_name example.com; return 200 13; }
server { listen 127.0.0.2:$b; server_name example.net; return 200 14; }
server { listen 127.0.0.2:$a default; listen 127.0.0.1:$b; server_name late; return 200 15; }
}
""")

HOSTS = (
    "example.com", "EXAMPLE.com", "example.com.", "www.example.com", "a.example.com",
    "a.b.example.com", "a.deep.example.com", "deep.example.com", "mail.example.com",
    "mail.example.net", "mail.net", "mail.", "w12.test", "w1.test", "w", "index", "INDEX",
    "example.org", "a.example.org", "aexample.org", "_", "nobody", "other", "example.net", "late",
)  # fmt: skip
SOCKETS = ("127.0.0.1:a", "127.0.0.1:b", "127.0.0.2:a", "127.0.0.2:b")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Directive, dict[str, int]]]:
    conf = tmp_path_factory.mktemp("servers") / "nginx.conf"
    ports = dict(zip("ab", nginx.free_ports(2), strict=True))
    conf.write_text(CONF.substitute(ports, quiet=nginx.QUIET))
    http = next(read_files(conf, "nginx.conf").having("http"))
    with nginx.running(conf, list(ports.values())):
        yield http, ports


def chosen(http: Directive, wanted: str) -> list[int]:
    return [it.line.line for it in choose_servers(http, wanted)]


@pytest.mark.parametrize("socket", SOCKETS)
@pytest.mark.parametrize("host", HOSTS)
def test_a_host_belongs_to_the_server_that_nginx_chooses(
    running: tuple[Directive, dict[str, int]], socket: str, host: str
) -> None:
    http, ports = running
    address, _, letter = socket.partition(":")
    # The servers of this socket alone: a name is looked for on all that have the port.
    alone = Directive("http", (), http.line, tuple(
        it for it in http.having("server")
        if any(on.args[0] == f"{address}:{ports[letter]}" for on in it.having("listen"))
    ))  # fmt: skip
    try:
        mine = chosen(alone, f"{host}:{ports[letter]}")
    except ScenarioError:
        mine = chosen(http, f"{address}:{ports[letter]}")

    answer = nginx.ask(ports[letter], "/", host=host, address=address)

    assert mine == [int(answer.body)]


def test_a_second_default_server_is_refused_by_both(tmp_path: Path) -> None:
    conf = tmp_path / "nginx.conf"
    server = "server { listen 127.0.0.1:81 default_server; }\n"
    conf.write_text(f"events {{}}\nhttp {{\n{server}{server}}}\n")

    assert nginx.tested(conf, "-t").returncode == 1
    with pytest.raises(ScenarioError, match=r"^nginx\.conf:4: a second default_server"):
        choose_servers(next(read_files(conf, "nginx.conf").having("http")), "")
