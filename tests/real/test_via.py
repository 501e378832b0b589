"""A proxy that runs already, as a hop: nginx, started by the test."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from harness.yamlio import dump
from tests.real.nginx import QUIET, free_ports, running
from tests.real.programs import run
from tests.real.test_real_hops import NEAR, SILENT

pytestmark = pytest.mark.real


def conf(folder: Path, port: int, upstream: int, timeout: str = "2s") -> Path:
    file = folder / "nginx.conf"
    file.write_text(
        f"events {{}} http {{ {QUIET} server {{ listen 127.0.0.1:{port}; location / {{ "
        f"proxy_read_timeout {timeout}; proxy_pass http://127.0.0.1:{upstream}; }} }} }}"
    )
    return file


@pytest.mark.parametrize("behind", [[], [NEAR]], ids=["tap", "hop"])
def test_a_chain_goes_on_behind_a_proxy_that_runs(
    behind: list[dict[str, Any]], tmp_path: Path
) -> None:
    port, upstream = free_ports(2)
    via = {"via": {"url": f"http://127.0.0.1:{port}", "listen": upstream}}
    (tmp_path / "case.yaml").write_text(dump({**SILENT, "through": [NEAR, via, *behind]}))
    (tmp_path / "temp").mkdir()

    with running(conf(tmp_path, port, upstream), [port]):
        ended = run("run", "case.yaml", cwd=tmp_path)

    finding = ended.found("stays_open", "FAIL")
    assert (ended.code, finding.hop, ended.case.clock) == (1, 2, "real"), ended.out + ended.err
    assert "by hop 2, after 2.0 s of silence" in finding.observed
    assert ended.case.through[1] == f"via http://127.0.0.1:{port}"


def test_a_proxy_may_stand_right_before_the_target(starlette: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    (tmp_path / "temp").mkdir()
    chain = dump([NEAR, {"via": f"http://127.0.0.1:{port}"}])

    with running(conf(tmp_path, port, int(starlette.rpartition(":")[2])), [port]):
        ended = run("run", "--url", f"{starlette}/events", "--through", chain, cwd=tmp_path)

    # nginx takes X-Accel-Buffering away, and is taken for the target here.
    warned = {it.check for it in ended.case.findings if it.outcome not in {"PASS", "SKIP"}}
    assert (ended.code, warned) == (0, {"headers_fit"}), ended.out + ended.err
    assert ended.found("stays_open", "PASS").hop is None
    assert "is not told from what the other does" in ended.err


@pytest.mark.parametrize("behind", [NEAR, {"real": "nginx"}], ids=["simulated", "real"])
def test_a_port_that_somebody_else_has_is_an_error(behind: dict[str, Any], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]
        via = {"via": {"url": "http://127.0.0.1:9", "listen": taken}}
        (tmp_path / "case.yaml").write_text(dump({**SILENT, "through": [via, behind]}))
        ended = run("run", "case.yaml", cwd=tmp_path)

    finding = ended.found("hop", "ERROR")
    assert (ended.code, finding.hop) == (4, 2), ended.out + ended.err
    assert finding.observed == f"port {taken}: address already in use"


def test_a_proxy_that_does_not_run_is_an_error_of_its_hop(tmp_path: Path) -> None:
    port, upstream = free_ports(2)
    via = {"via": {"url": f"http://127.0.0.1:{port}", "listen": upstream}}
    (tmp_path / "case.yaml").write_text(dump({**SILENT, "through": [NEAR, via]}))

    ended = run("run", "case.yaml", cwd=tmp_path)

    finding = ended.found("hop", "ERROR")
    assert (ended.code, finding.hop) == (4, 2), ended.out + ended.err
    assert finding.observed == f"http://127.0.0.1:{port}: connection refused"
