from __future__ import annotations

import shlex

import pytest

from harness.checks import advice
from harness.checks.evidence import Evidence
from tests.testkit.journals import Stage


@pytest.mark.parametrize(
    ("silence_s", "every"), [(60.001, "30 s"), (15.0, "7 s"), (4.0, "2 s"), (1.0, "0.5 s")]
)
def test_a_heartbeat_leaves_room_for_one_that_is_late(silence_s: float, every: str) -> None:
    assert advice.heartbeat(silence_s).endswith(f"at least every {every}")


def test_curl_asks_for_the_same_path_at_the_users_own_host() -> None:
    stage = Stage()
    stage.connect(0.0)
    assert advice.curl(Evidence.of(stage.journal())) == (
        "curl -N --http1.1 -H 'Accept: text/event-stream' https://HOST/events"
    )


def test_a_resume_is_confirmed_with_the_id() -> None:
    assert "-H 'Last-Event-ID: 7'" in advice.resume_curl(Evidence.of(Stage().journal()), "7")


def test_an_id_is_quoted_for_the_shell_it_may_be_pasted_into() -> None:
    line = advice.resume_curl(Evidence.of(Stage().journal()), "'; rm -rf ~; '")
    assert shlex.split(line.partition("  #")[0])[6] == "Last-Event-ID: '; rm -rf ~; '"
