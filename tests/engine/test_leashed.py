"""Free ports for programs: nobody else is given one between its choice and its use."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest

from harness.engine import leashed
from harness.engine.leashed import free_ports


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """What is cached of the system's ports is from elsewhere."""
    leashed._turns.cache_clear()
    yield
    leashed._turns.cache_clear()


def given_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    (tmp_path / "range").write_text(text)
    monkeypatch.setattr(leashed, "_GIVEN", tmp_path / "range")


def test_none_is_of_those_that_the_system_gives_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given_from(monkeypatch, tmp_path, "21000 60999\n")

    found = [port for wanted in repeat((0, 0), 100) for port in free_ports(wanted)]
    assert all(20_000 <= port < 21_000 for port in found)
    assert len(set(found)) == len(found)


def test_who_listens_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    (free,) = free_ports([0])
    with socket.create_server(("127.0.0.1", 0)) as there:
        taken = there.getsockname()[1]
        monkeypatch.setattr(leashed, "_turns", lambda: iter((taken, free)))

        assert free_ports([0]) == [free]


def test_where_all_of_ours_are_taken_the_system_gives_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        taken = there.getsockname()[1]
        monkeypatch.setattr(leashed, "_turns", lambda: repeat(taken))

        assert free_ports([0]) not in ([taken], [0])


@pytest.mark.parametrize("text", ["1024 60999\n", "20000 60999", "nonsense", ""])
def test_where_the_system_gives_all_of_them_away_or_does_not_say_there_are_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    given_from(monkeypatch, tmp_path, text)

    found = free_ports([0, 0])
    assert len(set(found)) == len(found)
    assert all(found)


def test_a_port_that_somebody_has_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port}: ") as caught:
            free_ports([port])

    assert caught.value.strerror == f"port {port}: address already in use"
