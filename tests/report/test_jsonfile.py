from __future__ import annotations

import json

import pytest

from harness.errors import UsageError
from harness.report import jsonfile
from tests.report.samples import case, failed, verdict


def test_what_is_written_is_read_again() -> None:
    written = verdict([case(), failed()])
    assert jsonfile.read(jsonfile.render(written), "verdict.json") == written


def test_one_verdict_is_one_text() -> None:
    assert jsonfile.render(verdict([failed()])) == jsonfile.render(verdict([failed()]))


def test_programs_find_the_outcome_at_the_top() -> None:
    plain = json.loads(jsonfile.render(verdict([failed()])))
    assert (plain["outcome"], plain["exit_code"], plain["counts"]["FAIL"]) == ("FAIL", 1, 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "v.json is not a verdict"),
        (b"[]", "v.json is not a verdict"),
        (b'{"schema": "other"}', "v.json is not a verdict"),
        (jsonfile.render(verdict([], schema="other")), "expected schema sse-harness/verdict"),
    ],
    ids=["empty", "list", "incomplete", "schema"],
)
def test_another_file_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        jsonfile.read(data, "v.json")
