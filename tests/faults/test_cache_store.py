"""What a shared cache may keep, and how much of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.faults.cache_store import Copy, Freshness, Store, aged, freshness
from harness.wire.headers import Headers
from tests.testkit.playbook import GET, OK

DEFAULT_S = 7.0
NOT_TOLD = "no max-age in the response"
BARRED = {"X-Accel-Buffering": "no"}


def fresh(*fields: tuple[str, str], request: Headers = (), ignored: tuple[str, ...] = ()) -> object:
    response = replace(OK, headers=(*OK.headers, *fields))
    return freshness(replace(GET, headers=request), response, DEFAULT_S, ignored, BARRED)


@pytest.mark.parametrize(
    ("cache_control", "ttl_s", "why"),
    [
        ("max-age=60", 60.0, "max-age=60"),
        ('public, Max-Age="60"', 60.0, "max-age=60"),
        ("max-age=60, s-maxage=5", 5.0, "s-maxage=5"),
        ("no-transform", DEFAULT_S, NOT_TOLD),
        ("max-age=soon", DEFAULT_S, NOT_TOLD),
    ],
)
def test_a_response_may_say_how_long_it_is_fresh(
    cache_control: str, ttl_s: float, why: str
) -> None:
    assert fresh(("Cache-Control", cache_control)) == Freshness(ttl_s, why)


@pytest.mark.parametrize("directive", ["no-store", "no-cache", "private"])
def test_a_response_may_forbid_it(directive: str) -> None:
    why = f"Cache-Control: {directive} in the response"
    said = fresh(("Cache-Control", f"max-age=60, {directive}"))
    assert said == Freshness(0.0, why, is_told=True)
    assert fresh(("Cache-Control", f'{directive}="Set-Cookie"')) == said
    ignored = fresh(("Cache-Control", directive), ignored=("Cache-Control",))
    assert ignored == Freshness(DEFAULT_S, NOT_TOLD)


def test_a_response_may_be_stale_at_once() -> None:
    assert fresh(("Cache-Control", "max-age=0")) == Freshness(0.0, "max-age=0", is_told=True)


def test_a_cookie_is_one_clients_own() -> None:
    cookie = ("Set-Cookie", "session=1")
    assert fresh(cookie) == Freshness(0.0, "Set-Cookie in the response", is_told=True)
    assert fresh(cookie, ignored=("Set-Cookie",)) == Freshness(DEFAULT_S, NOT_TOLD)


@pytest.mark.parametrize("allowing", ["public", "s-maxage=9", "must-revalidate"])
def test_what_one_user_may_see_is_kept_if_the_response_allows_it(allowing: str) -> None:
    """RFC 9111 §3.5."""
    user = (("Authorization", "Basic x"),)
    forbidden = Freshness(0.0, "Authorization in the request", is_told=True)
    assert fresh(("Cache-Control", "max-age=9"), request=user) == forbidden
    assert fresh(request=user, ignored=("Authorization",)) == Freshness(DEFAULT_S, NOT_TOLD)
    allowed = fresh(("Cache-Control", f"max-age=9, {allowing}"), request=user)
    assert isinstance(allowed, Freshness)
    assert allowed.ttl_s == 9.0


def test_a_field_of_the_products_own_may_keep_it_out() -> None:
    why = "X-Accel-Buffering: no in the response"
    said = fresh(("x-accel-buffering", "No"), ("Cache-Control", "max-age=9"))
    assert said == Freshness(0.0, why, is_told=True)
    assert fresh(("X-Accel-Buffering", "yes")) == Freshness(DEFAULT_S, NOT_TOLD)


@pytest.mark.parametrize("status", [204, 206, 304, 404, 503])
def test_another_status_is_not_kept(status: int) -> None:
    said = freshness(GET, replace(OK, status=status), DEFAULT_S, (), BARRED)
    assert said == Freshness(0.0, f"status {status}")


# -- room ----------------------------------------------------------------------------------------


def copy(body: bytes, since_s: float = 0.0) -> Copy:
    return Copy(OK, body, since_s, ttl_s=10.0)


def stored(**bodies: bytes) -> Store:
    store = Store(limit_bytes=10)
    for key, body in bodies.items():
        assert store.take(len(body))
        store.put(key, copy(body))
    return store


def test_a_copy_is_served_while_it_is_fresh() -> None:
    store = stored(a=b"abc")
    assert store.get("a", 9.999) == copy(b"abc")
    assert store.get("b", 0.0) is None
    assert store.get("a", 10.0) is None
    assert store.take(10)


def test_the_oldest_copies_make_room() -> None:
    store = stored(a=b"aaaa", b=b"bbbb")
    assert store.take(4)
    assert (store.get("a", 0.0), store.get("b", 0.0)) == (None, copy(b"bbbb"))


def test_what_is_being_recorded_is_not_thrown_out() -> None:
    store = Store(limit_bytes=10)
    assert store.take(8)
    assert not store.take(3)
    store.give_back(8)
    assert store.take(10)


def test_a_newer_copy_takes_the_place_of_an_older_one() -> None:
    store = stored(a=b"aaaa")
    assert store.take(4)
    store.put("a", copy(b"AAAA"))
    assert store.get("a", 0.0) == copy(b"AAAA")
    assert store.take(6)


def test_what_is_served_has_its_age() -> None:
    assert aged(OK, 3.9).headers == (*OK.headers, ("Age", "3"))
    assert aged(replace(OK, headers=(("age", "1"),)), 0.3 / 0.1).headers == (("age", "3"),)
