from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    CaseOver,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    GoneHow,
    RequestEnd,
    SendEnd,
    SendRequest,
    UpstreamEnd,
)
from harness.faults.base import ClientGone as Left
from harness.faults.client_gone import ClientGone
from harness.faults.registry import build
from tests.testkit.playbook import GET, OK, Playbook, fired, not_reached


def gone(**settings: Any) -> ClientGone:
    config = build("client_gone", settings)
    assert isinstance(config, ClientGone)
    return config


def streaming(**settings: Any) -> Playbook:
    return Playbook(gone(**settings)).at(0.0).opened()


def asked(**settings: Any) -> Playbook:
    """The request was sent; no head came."""
    play = Playbook(gone(**settings)).at(0.0)
    assert play >> GET << SendRequest(GET)
    assert play >> RequestEnd() << SendEnd()
    return play


@pytest.mark.parametrize("upstream", ["fin", "rst", "leave_open"])
@pytest.mark.parametrize("how", ["fin", "rst", "cancel"])
def test_a_client_that_leaves_is_noticed_at_once(how: GoneHow, upstream: Any) -> None:
    play = streaming(upstream=upstream)
    note = fired(f"client left ({how}): noticed at once")
    assert play >> Left(how) << note << CloseUpstream(upstream)
    assert play >> CaseOver()


def test_a_client_that_closed_is_noticed_with_the_second_write() -> None:
    """The first one is answered with a reset, which the driver tells when it comes."""
    play = streaming(notices="next_write", writes=2, upstream="rst")
    assert play.at(1.0) >> Data(b"a") << Forward(b"a")
    assert play.at(2.0) >> Left("fin") << fired("client left (fin): noticed with write 2", 1)
    assert play.at(3.0) >> Data(b"b") << Forward(b"b")
    assert play.at(3.0) >> Left("rst")
    assert play.at(4.0) >> Data(b"c") << Forward(b"c") << CloseUpstream("rst")
    assert play.at(5.0) >> Data(b"d") << Forward(b"d")


def test_a_reset_that_comes_with_the_last_write_is_noticed_then() -> None:
    play = streaming(notices="next_write", writes=2)
    assert play >> Left("fin") << fired("client left (fin): noticed with write 2")
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> Data(b"b") << Forward(b"b")
    assert play >> Left("rst") << CloseUpstream("fin")


def test_a_client_that_closed_one_side_reads_on() -> None:
    play = streaming(notices="next_write", writes=2)
    assert play >> Left("fin") << fired("client left (fin): noticed with write 2")
    for _ in range(9):
        assert play >> Data(b"a") << Forward(b"a")
    assert play >> UpstreamEnd("end") << End("end")


@pytest.mark.parametrize("how", ["rst", "cancel"])
def test_a_client_that_aborts_is_noticed_a_write_earlier(how: GoneHow) -> None:
    play = streaming(notices="next_write", writes=3)
    assert play >> Left(how) << fired(f"client left ({how}): noticed with write 3")
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> Data(b"b") << Forward(b"b") << CloseUpstream("fin")
    play = streaming(notices="next_write")
    note = fired(f"client left ({how}): noticed with write 1")
    assert play >> Left(how) << note << CloseUpstream("fin")


def test_over_http_2_a_client_that_closed_its_connection_reads_on_nowhere() -> None:
    play = Playbook(gone(notices="next_write", writes=2)).at(0.0)
    play.opened(replace(GET, client_version="HTTP/2"))
    assert play >> Left("fin") << fired("client left (fin): noticed with write 2")
    assert play >> Data(b"a") << Forward(b"a") << CloseUpstream("fin")


def test_a_client_is_never_noticed() -> None:
    play = streaming(notices="never")
    assert play >> Left("fin") << fired("client left (fin): not noticed")
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> Left("rst")
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> UpstreamEnd("truncation") << End("truncation")


@pytest.mark.parametrize(("how", "upstream"), [("fin", None), ("rst", "rst"), ("cancel", "fin")])
def test_kinds_of_leaving_differ(how: GoneHow, upstream: Any) -> None:
    play = streaming(notices="never", rst={"upstream": "rst"}, cancel="at_once")
    if upstream is None:
        assert play >> Left(how) << fired("client left (fin): not noticed")
    else:
        note = fired(f"client left ({how}): noticed at once")
        assert play >> Left(how) << note << CloseUpstream(upstream)


def test_before_the_head_a_client_may_be_missed() -> None:
    play = asked(before_head="never")
    assert play >> Left("rst") << fired("client left (rst): not noticed")
    assert play >> OK << ForwardHead(OK)
    assert play >> Data(b"a") << Forward(b"a")
    play = streaming(before_head="never")
    assert (
        play >> Left("fin") << fired("client left (fin): noticed at once") << CloseUpstream("fin")
    )


def test_before_the_head_a_client_may_be_noticed_although_later_it_is_not() -> None:
    play = asked(notices="next_write", before_head="at_once", upstream="rst")
    assert (
        play >> Left("fin") << fired("client left (fin): noticed at once") << CloseUpstream("rst")
    )


def test_the_head_is_a_write() -> None:
    play = asked(notices="next_write", writes=2)
    assert play >> Left("rst") << fired("client left (rst): noticed with write 2")
    assert play >> OK << ForwardHead(OK) << CloseUpstream("fin")


def test_nobody_left() -> None:
    play = streaming()
    assert play >> UpstreamEnd("end") << not_reached("no client left before the end") << End("end")
    assert streaming() >> CaseOver() << not_reached("no client left")


@pytest.mark.parametrize(
    "settings",
    [
        {"notices": "later"},
        {"writes": 0},
        {"before_head": "next_write"},
        {"rst": "later"},
        {"cancel": {"writes": 0}},
    ],
)
def test_refuses(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        gone(**settings)
