"""Configurations made from templates, as the programs themselves read them."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import pytest
import trio

from harness import products
from harness.engine import real_hop
from harness.model.scenario import Hop
from harness.products import real
from tests.products.test_real import sample
from tests.real.programs import PATIENCE_S
from tests.real.test_real_hops import found

pytestmark = pytest.mark.real

# How each of them is asked whether it would take a configuration.
CHECKED = {
    "nginx": ("-t", "-p", "{folder}", "-e", "stderr", "-c", "{config}"),
    "haproxy": ("-c", "-f", "{config}"),
    "caddy": ("adapt", "--adapter", "caddyfile", "--config", "{config}"),
    "varnish": ("-C", "-j", "none", "-n", "{folder}/varnish", "-f", "{config}"),
    "apache": ("-t", "-f", "{config}"),
    "lighttpd": ("-tt", "-f", "{config}"),
    "squid": ("-k", "parse", "-f", "{config}"),
    "envoy": ("--mode", "validate", "--disable-hot-restart", "-c", "{config}"),
    "http-proxy": ("--check", "{config}"),
    "http-proxy-middleware": ("--check", "{config}"),
    "express-compression": ("--check", "{config}"),
    "next": ("--check", "{config}"),
    "gunicorn": ("-m", "py_compile", "{config}"),
    "starlette-gzip": ("-m", "py_compile", "{config}"),
}
# Settings that rule another one out.
APART = {
    "varnish": {"pipe"},
    "traefik": {"excludedContentTypes"},
}


def with_every_setting(name: str) -> Hop:
    product = products.product(name)
    taken = set(real.renderable(product)) - APART.get(name, set())
    return products.real_hop(product, "", {it: sample(name, it) for it in taken})


@pytest.mark.parametrize(
    ("name", "h2_port"),
    [(it, port) for it in CHECKED for port in (0, 18082) if not port or real.speaks_h2(it)],
)
def test_a_program_takes_a_configuration_with_every_setting_in_it(
    name: str, h2_port: int, tmp_path: Path
) -> None:
    program = found(name)
    use = with_every_setting(name).product
    assert use is not None
    stand = real.Stand(18080, "127.0.0.1", 19000, str(tmp_path), is_root=False, h2_port=h2_port)
    file, text = real.render(use, stand)
    (tmp_path / file).write_text(text)
    words = {"config": tmp_path / file, "folder": tmp_path}

    said = subprocess.run(
        [program, *(it.format(**words) for it in CHECKED[name])],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert said.returncode == 0, said.stdout + said.stderr
    for complaint in ("unknown", "unrecognized", "[emerg]", "[alert]"):
        assert complaint not in said.stderr.lower()


@pytest.mark.parametrize("name", sorted(set(real.names()) - set(CHECKED)))
def test_a_program_that_cannot_be_asked_starts_with_every_setting_in_it(
    name: str, tmp_path: Path
) -> None:
    found(name)

    async def start() -> None:
        async with trio.open_nursery() as nursery:
            stand = partial(real_hop.stand, with_every_setting(name), 1, ("127.0.0.1", 9), tmp_path)
            await nursery.start(stand, pytest.fail)
            nursery.cancel_scope.cancel()

    trio.run(start)

    said = (tmp_path / real_hop.LOG).read_text()
    for complaint in ("ERR", "FTL"):
        assert complaint not in said
