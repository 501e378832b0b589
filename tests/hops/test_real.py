"""What there is to start for a real hop."""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path

import pytest

from harness import products
from harness.engine import real_hop
from harness.errors import LocalEnvironmentError
from harness.hops import packages, real
from harness.model.scenario import ConfigUse, ProductUse
from harness.products.real import names

# What the programs of Debian 12 print, and those from the Python index.
SAID = {
    "nginx": ("nginx version: nginx/1.22.1\n", "1.22.1"),
    "haproxy": ("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/\n", "2.6.12"),
    "caddy": ("2.6.2\n", "2.6.2"),
    "varnish": ("varnishd (varnish-7.1.1 revision 7cee1c581bead20e88d101ab3d72afb)\n", "7.1.1"),
    "apache": ("Server version: Apache/2.4.71 (Debian)\nServer built: 2026\n", "2.4.71"),
    "lighttpd": ("lighttpd/1.4.69 (ssl) - a light and fast webserver\n", "1.4.69"),
    "squid": ("Squid Cache: Version 5.7\nService Name: squid\n", "5.7"),
    "envoy": (
        "\nenvoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/x\n",
        "1.40.0",
    ),
    "traefik": ("Version:      3.7.15\nCodename:     langres\nGo version:   go1.26.9\n", "3.7.15"),
}


PACKAGED = tuple(name for name, it in real.PROGRAMS.items() if it.npm or it.python)


def test_every_template_has_a_program_and_every_program_a_template() -> None:
    assert tuple(sorted(real.PROGRAMS)) == names()
    assert {*SAID, *PACKAGED} == set(names())


@pytest.mark.parametrize("product", SAID)
def test_a_program_tells_its_version(product: str) -> None:
    said, version = SAID[product]

    assert real.version_in(product, said) == version
    assert real.version_in(product, "no version\n") == ""


def test_a_program_that_leaves_something_out_is_heard() -> None:
    said = (
        "2026-11-27 23:18:18: (plugin.c.214) dlopen() failed for: /m.so /m.so: no such file\n"
        "2026-11-27 23:18:18: (server.c.1704) server started (lighttpd/1.4.69)\n"
    )
    found = "dlopen() failed for: /m.so /m.so: no such file"

    assert real.lacking("lighttpd", said) == (
        f"{found}: apt-get install lighttpd lighttpd-mod-deflate"
    )
    assert real.lacking("lighttpd", said.splitlines()[1]) == ""
    assert real.lacking("nginx", said) == ""


def put(folder: Path, name: str) -> Path:
    """Put a program into a folder."""
    file = folder / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_a_start_names_the_program_its_configuration_and_where_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = put(tmp_path, "nginx")
    monkeypatch.setenv("PATH", str(tmp_path))
    use = ProductUse(name="nginx", settings={"proxy_read_timeout": "2s"})

    start = real.start(use, ("127.0.0.1", 9000), Path("/kept"), Path("/scratch"), 8080)

    assert start.command == (
        *(str(program), "-p", "/scratch", "-e", "stderr"),
        *("-c", "/kept/nginx.conf"),
    )
    assert start.listening == ("127.0.0.1", 8080)
    name, text = start.config
    assert name == "nginx.conf"
    assert "listen 127.0.0.1:8080;" in text
    assert "proxy_pass http://127.0.0.1:9000;" in text
    assert start.env["HOME"] == "/scratch"


def test_a_program_with_the_users_own_configuration_is_given_it_in_its_own_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = put(tmp_path, "nginx")
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "my.conf").write_text(
        "http { map $a $b { include tables/a; } server { location / { proxy_pass http://x; } } }"
    )
    use = ProductUse(name="nginx", config=ConfigUse(file="etc/my.conf", location="/"))

    start = real.start(
        use, ("127.0.0.1", 9000), Path("/kept"), Path("/scratch"), 8080, 8081, base=tmp_path
    )

    # Names of modules in it are relative to what the program was built with.
    assert start.command == (str(program), "-e", "stderr", "-c", "/scratch/my.conf")
    assert start.is_own
    name, text = start.config
    assert name == "my.conf"
    assert "listen 127.0.0.1:8080;" in text
    assert "listen 127.0.0.1:8081 http2;" in text
    assert "proxy_pass http://127.0.0.1:9000;" in text
    assert f"include {tmp_path}/etc/tables/a;" in text


@pytest.mark.skipif(sys.platform != "linux", reason="the dev group has it for Linux only")
def test_a_program_that_pip_installed_beside_us_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    program = scripts / "envoy"
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert real._ELSEWHERE[0] == sysconfig.get_path("scripts")
    monkeypatch.setattr(real, "_ELSEWHERE", (str(scripts), *real._ELSEWHERE[1:]))

    assert Path(real.find("envoy")) == program


@pytest.mark.parametrize("product", [it for it in names() if not real.PROGRAMS[it].python])
def test_a_missing_program_is_named_with_the_command_that_installs_it(
    product: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(real, "_ELSEWHERE", ())

    with pytest.raises(LocalEnvironmentError) as caught:
        real.find(product)

    program = real.PROGRAMS[product]
    assert products.product(product).product == product
    assert str(caught.value) == (
        f"{{real: {product}}} needs {program.name}, which is not installed: {program.install}"
    )
    assert caught.value.exit_code == 4


# -- packages --------------------------------------------------------------------------------------


def modules(folder: Path, **versions: str) -> Path:
    """Make a `node_modules` with packages in these versions."""
    place = folder / "node_modules"
    for package, version in versions.items():
        (place / package).mkdir(parents=True)
        (place / package / "package.json").write_text(json.dumps({"version": version}))
    return place


NODE = [name for name, it in real.PROGRAMS.items() if it.npm]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory; there is Node.js, and no package anywhere."""
    programs, here = tmp_path / "bin", tmp_path / "here"
    programs.mkdir()
    here.mkdir()
    put(programs, "node")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.delenv("NODE_PATH", raising=False)
    monkeypatch.chdir(here)
    return here


@pytest.mark.parametrize("product", NODE)
def test_missing_npm_packages_are_named_with_the_command_that_installs_them(
    product: str, alone: Path
) -> None:
    npm = real.PROGRAMS[product].npm
    modules(alone, **dict.fromkeys(npm[1:], "1.0.0"))
    # "next", "next and react" or "next, react and react-dom"
    named = " and ".join(", ".join(npm).rsplit(", ", 1))
    are = "are" if len(npm) > 1 else "is"

    with pytest.raises(LocalEnvironmentError) as caught:
        real.find(product)

    assert str(caught.value) == (
        f"{{real: {product}}} needs {named}, which {are} not installed: npm install {' '.join(npm)}"
    )


def test_npm_packages_are_those_that_node_would_find_from_here(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = alone / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.setenv("NODE_PATH", str(modules(alone / "elsewhere", **{"http-proxy": "1.0.0"})))
    assert real.package_version("http-proxy") == "1.0.0"

    modules(alone, **{"http-proxy": "1.1.0"})
    assert real.package_version("http-proxy") == "1.1.0"

    nearest = modules(below, **{"http-proxy": "1.2.0"})
    assert real.package_version("http-proxy") == "1.2.0"
    use = ProductUse(name="http-proxy", settings={})
    start = real.start(use, ("127.0.0.1", 9000), Path("/kept"), Path("/scratch"), 8080)
    assert start.command == (
        str(alone.parent / "bin" / "node"),
        *("/kept/http-proxy.cjs", str(nearest)),
    )


def test_a_directory_that_has_not_all_of_them_is_passed_over(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = alone / "below"
    modules(below, **{"http-proxy-middleware": "3.0.0"})
    modules(alone, **{"http-proxy-middleware": "3.1.0", "express": "5.0.0"})
    monkeypatch.chdir(below)

    assert real.package_version("http-proxy-middleware") == "3.1.0"


def test_a_program_that_is_no_package_tells_its_version_itself() -> None:
    assert real.package_version("nginx") is None


PYTHON = [name for name, it in real.PROGRAMS.items() if it.python]


@pytest.mark.parametrize("product", PYTHON)
def test_a_missing_python_package_is_named_with_the_command_that_installs_it(
    product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = real.PROGRAMS[product].python
    versions = dict.fromkeys(python[:-1], "1.0")
    monkeypatch.setattr(packages, "python_version", versions.get)

    with pytest.raises(LocalEnvironmentError) as caught:
        real.find(product)

    assert str(caught.value) == (
        f"{{real: {product}}} needs {python[-1]}, which is not installed: "
        f"python3 -m pip install {' '.join(python)}"
    )


def test_a_package_that_only_a_setting_takes_is_missed_with_that_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packages, "python_version", {"gunicorn": "27.0"}.get)
    gevent = products.real_hop(products.product("gunicorn"), "", {"worker_class": "gevent"})
    sync = products.real_hop(products.product("gunicorn"))
    missing = (
        r"\{real: gunicorn\} needs gevent, which is not installed: python3 -m pip install gevent"
    )

    with pytest.raises(LocalEnvironmentError, match=missing):
        real_hop.identified_hop(gevent)
    assert gevent.product is not None
    with pytest.raises(LocalEnvironmentError, match=missing):
        start(gevent.product)
    assert sync.product is not None
    assert start(sync.product).command == (sys.executable, "/kept/gunicorn.app.py")


def start(use: ProductUse) -> real.Start:
    return real.start(use, ("127.0.0.1", 9000), Path("/kept"), Path("/scratch"), 8080)


def test_an_app_finds_what_this_process_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", "/elsewhere"])
    monkeypatch.setattr(packages, "python_version", {"gunicorn": "27.0"}.get)
    use = ProductUse(name="gunicorn", settings={})

    start = real.start(use, ("127.0.0.1", 9000), Path("/kept"), Path("/scratch"), 8080)

    assert start.env["PYTHONPATH"] == "/elsewhere"


def test_a_build_may_take_longer_than_a_start(alone: Path) -> None:
    modules(alone, **dict.fromkeys(("next", "react", "react-dom", "http-proxy"), "1.0.0"))

    def patience_s(product: str) -> float:
        use = ProductUse(name=product, settings={})
        start = real.start(use, ("127.0.0.1", 9000), Path("/kept"), Path("/scratch"), 8080)
        return start.patience_s

    assert patience_s("next") > 5 * patience_s("http-proxy")
