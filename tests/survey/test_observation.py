from __future__ import annotations

import msgspec
import pytest

from harness.model import journal as j
from harness.model.ask import Ask
from harness.model.journal import Entry, Journal, Payload
from harness.model.scenario import Case, Scenario, Target
from harness.survey.observation import Observation, observation
from tests.survey.seen import STREAM, judge

EVENT = b"data: 1\n\n"
PORT = 4711


def read(data: bytes) -> j.TapRead:
    return j.TapRead(x=1, offset=0, size=len(data), payload=Payload.of(data))


BEGUN: list[tuple[float, Entry]] = [
    (0.0, j.Link(at="client", number=1, x=1, side="up", port=PORT)),
    (0.0, j.ClientRequest(client=1, x=1, method="GET", url="http://a/events", headers=())),
    (1.0, j.Link(at="tap", number=0, x=1, side="down", port=PORT)),
    (1.0, j.TapRequest(x=1, method="GET", target="/events", version="HTTP/1.1", headers=())),
    (
        1.5,
        j.TapHead(x=1, status=200, version="HTTP/1.1", framing="chunked", headers=STREAM),
    ),
    (2.0, read(EVENT)),
    (3.0, read(EVENT)),
]
LEFT: list[tuple[float, Entry]] = [
    (4.0, j.ClientLeft(client=1, x=1, by="fin")),
    (4.0, j.TapEnd(x=1, by="downstream", how="fin")),
]


def seen(*entries: tuple[float, Entry], over_s: float = 8.0) -> Observation:
    scenario = Scenario(id="observed/1", why="a test")
    case = Case(
        id="observed/1", scenario=scenario, target=Target(url="http://a/"), clock="real", seed=1
    )
    first = j.CaseEntry(
        schema=j.SCHEMA,
        version=j.VERSION,
        tool="test",
        case=case.model_dump(mode="json"),
        clock="real",
        seed=1,
        target="http://a/",
        is_reference=False,
    )
    put: list[tuple[float, Entry]] = [
        (0.0, first),
        (0.0, j.StageReady()),
        *entries,
        (over_s, j.StageOver(reason="over")),
    ]
    timed: list[Entry] = [
        msgspec.structs.replace(it, n=n, t_s=t_s) for n, (t_s, it) in enumerate(put)
    ]
    found = observation(Ask(), Journal(timed))
    assert found is not None
    return found


def test_times_count_from_the_request_at_the_target() -> None:
    it = seen(*BEGUN, (6.0, j.TapEnd(x=1, by="target", how="end")))

    assert it.said.head_s == 0.5
    assert [t_s for t_s, _ in it.said.reads] == [1.0, 2.0]
    assert (it.said.end, it.said.end_s) == ("end", 5.0)
    assert it.watched_s == 7.0
    assert it.leaving is None


def test_a_target_that_closes_too_has_noticed() -> None:
    it = seen(*BEGUN, *LEFT, (4.2, j.TapEnd(x=1, by="target", how="truncation")), over_s=4.4)

    assert it.leaving is not None
    assert (it.leaving.outcome, it.leaving.check) == ("PASS", "disconnect_noticed")
    assert it.said.end is None
    assert it.watched_s == 3.0


def test_one_that_goes_on_has_not_and_what_it_says_then_is_no_part_of_the_stream() -> None:
    it = seen(*BEGUN, *LEFT, (5.0, read(EVENT)), (6.0, read(EVENT)))

    assert it.leaving is not None
    assert it.leaving.outcome == "FAIL"
    assert it.leaving.observed.startswith("not noticed 4.0 s after client 1 closed")
    assert [t_s for t_s, _ in it.said.reads] == [1.0, 2.0]


@pytest.mark.parametrize(("noticed", "outcome"), [(True, "PASS"), (False, "FAIL")])
def test_it_is_said_of_the_target(noticed: bool, outcome: str) -> None:
    ends = ((4.2, j.TapEnd(x=1, by="target", how="end")),) if noticed else ()
    findings = judge(seen(*BEGUN, *LEFT, *ends)).on_itself().case.findings

    assert [it.outcome for it in findings if it.check == "disconnect_noticed"] == [outcome]


def test_what_never_got_there_is_no_observation() -> None:
    scenario = {"id": "observed/1", "why": "a test"}
    first = j.CaseEntry(
        schema=j.SCHEMA,
        version=j.VERSION,
        tool="test",
        case={"id": "observed/1", "scenario": scenario},
        clock="real",
        seed=1,
        target="",
        is_reference=False,
        n=0,
    )

    assert observation(Ask(), Journal([first])) is None
