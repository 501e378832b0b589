"""What there is to start for a real hop."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from harness import products
from harness.errors import LocalEnvironmentError
from harness.hops import real
from harness.model.scenario import ProductUse
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


def test_every_template_has_a_program_and_every_program_a_template() -> None:
    assert tuple(sorted(real.PROGRAMS)) == names()
    assert set(SAID) == set(names())


@pytest.mark.parametrize("product", SAID)
def test_a_program_tells_its_version(product: str) -> None:
    said, version = SAID[product]

    assert real.version_in(product, said) == version
    assert real.version_in(product, "no version\n") == ""


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


def test_a_program_that_pip_installed_beside_us_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert Path(real.find("envoy")).parent == Path(sysconfig.get_path("scripts"))


@pytest.mark.parametrize("product", names())
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
