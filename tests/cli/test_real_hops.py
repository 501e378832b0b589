"""Real hops on the command line: what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.running import Asked, select_cases
from harness.engine import real_hop
from harness.hops import real
from harness.model.target import Target
from tests.cli.command import Command

CHAIN = "[{latency: {delay: 1ms}}, {real: nginx}]"


def asked(through: str, **changed: object) -> Asked:
    options: dict[str, object] = {
        "words": (), "keyword": "", "target": Target(), "through": through, "settings": (),
        "clock": "auto", "seed": 1, "workers": None, "max_failures": None, **changed,
    }  # fmt: skip
    return Asked(**options)  # type: ignore[arg-type]  # by name, as a test changes them


def test_a_program_moves_its_case_to_the_real_clock_and_no_other() -> None:
    def clocks(chain: str) -> set[str]:
        words = ("idle/proxy-60s",)
        return {it.clock for it in select_cases(asked(chain, words=words), lambda _: None)}

    assert clocks(CHAIN) == {"real"}
    assert clocks("nginx") == {"virtual"}


def test_the_virtual_clock_cannot_move_a_program(command: Command) -> None:
    said = command("run", "--through", CHAIN, "--clock", "virtual")

    assert said.code == 2
    assert said.err == (
        "error: --clock virtual cannot move a program outside of this process: "
        "ad-hoc: through[1] nginx (real)\n"
    )


def test_a_program_cannot_serve_a_client_that_speaks_tls(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "tls.yaml"
    file.write_text(
        "{id: tls, why: a test, through: [{real: nginx}], client: {eventsource: {tls: true}}}"
    )
    said = command("run", str(file))

    assert said.code == 2
    assert said.err == (
        "error: tls: through[0]: a client that speaks TLS or HTTP/2 needs a simulated hop first\n"
    )


@pytest.mark.parametrize(
    "words", [("run", "--through", CHAIN), ("trace", "http://127.0.0.1:9/", "--through", CHAIN)]
)
def test_a_missing_program_is_one_line_before_anything_runs(
    words: tuple[str, ...], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(real, "_ELSEWHERE", ())
    real_hop.version.cache_clear()

    said = command(*words)

    assert (said.code, said.out) == (4, "")
    assert said.err == (
        "error: {real: nginx} needs nginx, which is not installed: apt-get install nginx\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_proxy_cannot_know_where_the_built_in_server_listens(command: Command) -> None:
    said = command("run", "--through", "[{via: 'http://127.0.0.1:8080'}]")

    assert said.code == 2
    assert said.err.splitlines()[-1] == (
        "error: ad-hoc: through[0] via http://127.0.0.1:8080: it cannot know where the built-in "
        "server listens; test yours with --url, or write {via: {url: …, listen: PORT}}"
    )
