from __future__ import annotations

import pytest

from harness.wire.accept_encoding import preferred


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("br; q=0.5, gzip; q=0.5", "br"),
        ("br;q=0, gzip", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("br, *;q=0", "br"),
        ("gzip;level=9;q=1", "gzip"),
        ("gzip;q=high", None),
        ("*;q=0", None),
        ("identity", None),
        ("deflate", None),
        ("", None),
        (None, None),
    ],
)
def test_takes_what_the_client_likes_best(accepted: str | None, coding: str | None) -> None:
    headers = () if accepted is None else (("Accept-Encoding", accepted),)
    assert preferred(headers, ("br", "gzip")) == coding


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("deflate, br, gzip", "br"),
        ("gzip;q=0.5, br", "br"),
        ("*", "br"),
        ("*, gzip", "gzip"),
    ],
)
def test_of_equals_the_client_may_choose_by_its_order(accepted: str, coding: str) -> None:
    headers = (("Accept-Encoding", accepted),)
    assert preferred(headers, ("br", "gzip"), ties="client") == coding


def test_counts_every_line_of_the_field() -> None:
    headers = (("Accept-Encoding", "br;q=0"), ("accept-encoding", "gzip"))
    assert preferred(headers, ("br", "gzip")) == "gzip"


def test_nothing_on_offer_is_nothing_taken() -> None:
    assert preferred((("Accept-Encoding", "*"),), ()) is None
