from __future__ import annotations

from typing import Literal

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    CaseOver,
    Data,
    End,
    Forward,
    ForwardHead,
    RequestEnd,
    SendEnd,
    SendRequest,
    UpstreamEnd,
)
from harness.faults.h2_end import H2End
from harness.faults.refuse import Refuse
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import GET, OK, Playbook, fired, not_reached


@pytest.mark.parametrize("how", ["reset", "truncation"])
def test_closes_without_an_answer(how: Literal["reset", "truncation"]) -> None:
    play = Playbook(Refuse(how=how)).at(1.0)
    refused = End(how, h2=H2End("reset", code=7))
    assert play >> GET << fired(f"{how} on request 1") << refused
    assert play >> RequestEnd()
    assert play >> CaseOver()


def test_passes_the_other_requests() -> None:
    play = Playbook(Refuse(on=(2,))).at(1.0)
    assert play >> GET << not_reached("request 1, refuses 2") << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd()
    assert play >> OK << ForwardHead(OK)
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> UpstreamEnd("end") << End("end")


def test_refuses_an_end_that_is_no_refusal() -> None:
    with pytest.raises(ValidationError, match="'reset' or 'truncation'"):
        Refuse.model_validate({"how": "end"}, context=YAML_CONTEXT)
