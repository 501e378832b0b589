"""The sample addons that are shipped do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.model import journal
from harness.wire.headers import value
from tests.testkit.stage import Stage, play

SAMPLES = Path(__file__).parents[2] / "scenarios" / "scripts"


def test_sample_count_events_adds_a_comment_after_every_tenth() -> None:
    async def scene(stage: Stage) -> None:
        events = [b"data: %d\n\n" % number for number in range(25)]
        got = await stage.stream(*events)
        assert got == (
            b"".join(events[:10])
            + b": ten more\n\n"
            + b"".join(events[10:20])
            + b": ten more\n\n"
            + b"".join(events[20:])
        )

    play(scene, [{"script": "count_events.py"}], base=SAMPLES)


def test_sample_slow_auth_delays_the_request_by_a_quarter_of_a_second() -> None:
    async def scene(stage: Stage) -> None:
        await stage.get()
        assert b"\r\nx-checked: yes\r\n" in await (await stage.accept()).head()
        assert stage.now_s() == 0.25

    play(scene, [{"script": "slow_auth.py"}], base=SAMPLES)


def test_sample_strip_header_eats_what_asks_not_to_buffer() -> None:
    async def scene(stage: Stage) -> None:
        client = await stage.get()
        target = await stage.accept()
        await target.head()
        await target.send(b"HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nContent-Length: 0\r\n\r\n")
        await client.head()
        seen = [value(it.headers, "x-accel-buffering") for it in stage.entries(journal.HopHead)]
        assert seen == ["no", None]

    play(scene, [{}, {"script": "strip_header.py"}], base=SAMPLES)


@pytest.mark.real
def test_the_samples_are_strictly_typed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *map(str, sorted(SAMPLES.glob("*.py")))],
        cwd=SAMPLES.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
