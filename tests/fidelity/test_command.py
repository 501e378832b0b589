"""`python -m tests.fidelity`: what an author sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fidelity import configs
from tests.fidelity.__main__ import main

_ROWS = """\
product: haproxy
version: "2.6"
records: [haproxy]
configs:
  server2: {timeout server: 2s}
not_modelled:
  cache: there is no cache in it
"""
_WEAK = "[{idle_timeout: {after: 60s, before_head: {status: 504}}}]"


def test_a_chain_is_held_against_a_program_s_records(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nghttpx", "--through", _WEAK, "--config", "DEFAULT_TIMEOUTS"]) == 0
    first, own, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("2 records: ")
    assert first.endswith("agree (100.0 %)")
    assert own.startswith("of what a plain relay gets wrong: 10 of 10 facts agree")
    assert rest == []


def test_disagreements_are_shown_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    main(["nghttpx", "--through", _WEAK, "--config", "default", "--probe", "upstream_fin_nohdr"])
    out = capsys.readouterr().out
    assert "status: measured 502 | simulated none\n    default · upstream_fin_nohdr" in out


def test_the_log_s_configurations_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    main(["nginx", "--texts", "--config", "h11_timeout2"])
    assert "proxy_read_timeout 2s" in capsys.readouterr().out


def test_a_chain_that_makes_no_sense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nginx", "--through", "[{bufer: {}}]"]) == 2
    assert "did you mean buffer" in capsys.readouterr().err


def test_a_product_without_a_file_says_what_to_write_one_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(configs, "DIRECTORY", tmp_path)
    main(["apache"])
    assert "ProxyTimeout 2" in capsys.readouterr().out


def test_a_product_is_held_by_the_rows_of_its_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(configs, "DIRECTORY", tmp_path)
    (tmp_path / "haproxy.yaml").write_text(_ROWS)
    configs.configs.cache_clear()
    try:
        main(["haproxy", "-v"])
    finally:
        configs.configs.cache_clear()
    out = capsys.readouterr().out
    assert out.startswith("5 records: ")
    assert "not modelled  cache: there is no cache in it" in out
    assert "not modelled  client2: no row" in out
