"""Scenario files for the tests to write, load and spoil."""

from __future__ import annotations

from pathlib import Path

from harness.scenario.load import Loaded, load

FLAWS = ("no-heartbeat", "no-ids")

VALID = """\
id: idle/quiet
why: a quiet feed dies behind an idle timeout
source: nginx documentation, proxy_read_timeout
traffic: {every: 1s, silence: [{from: 10s, to: 130s}], end_after: 200s}
server:
  heartbeat: 15s
through:
  - idle_timeout: {after: 60s, before_head: {status: 504}}
    buffer: {block: 4KiB}
  - latency: {delay: 200ms}
client: eventsource
expect:
  stays_open: 200s
  no_event_lost: true
  heartbeat_within: 30s
twin: {flaw: no-heartbeat, fails: stays_open}
matrix:
  through[0].idle_timeout.after: [60s, 20s]
"""


def written(directory: Path, text: str, name: str = "x.yaml") -> Path:
    file = directory / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    return file


def loaded(directory: Path, text: str, name: str = "x.yaml") -> Loaded:
    return load(written(directory, text, name), flaws=FLAWS)


def scenario(scenario_id: str, *lines: str) -> str:
    return "\n".join([f"id: {scenario_id}", "why: it happens", *lines, ""])
