from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.faults.base import Answer, CaseOver, RequestEnd, SendEnd, SendRequest
from harness.faults.redirect import Redirect
from harness.units import YAML_CONTEXT
from tests.testkit.playbook import GET, Playbook, fired, not_reached


def redirect(**settings: object) -> Redirect:
    return Redirect.model_validate(settings, context=YAML_CONTEXT)


def test_sends_the_client_elsewhere() -> None:
    play = Playbook(redirect(location="/there", status=301)).at(1.0)
    fields = (("Content-Type", "text/plain"), ("Location", "/there"))
    assert (
        play >> GET << fired("301 to request 1") << Answer(301, fields, b"301 Moved Permanently\n")
    )
    assert play >> RequestEnd()
    assert play >> CaseOver()


def test_the_first_request_only_unless_told_otherwise() -> None:
    play = Playbook(redirect(location="/there")).at(1.0, x=2)
    assert play >> GET << not_reached("request 2, redirects 1") << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "location"),
        ({"location": ""}, "at least 1 character"),
        ({"location": "/a\r\nX: y"}, "without line ends"),
        ({"location": "/", "status": 304}, "301, 302, 303, 307 or 308"),
    ],
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        redirect(**settings)
