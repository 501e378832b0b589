"""What nginx does to header fields on the way."""

from __future__ import annotations

import pytest

from harness.faults.base import UpstreamEnd
from tests.products.behind import behind, brief, head

ADDING = "[{nginx: {add_header: {X-Added: a}}}]"


def test_fields_are_added_to_a_response_and_not_to_an_error() -> None:
    added, error = (behind(ADDING, it) for it in (brief(head()), ((0.0, UpstreamEnd("reset")),)))
    assert added.head is not None
    assert error.head is not None
    assert ("X-Added", "a") in added.head.headers
    assert (error.ending, dict(error.head.headers).get("X-Added")) == ("502", None)


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ("{}", []),
        ("{proxy_pass_header: x-accel-buffering}", ["X-Accel-Buffering"]),
        ("{proxy_pass_header: x-accel-buffering x-accel-expires Server}",
         ["X-Accel-Buffering", "X-Accel-Expires", "Server"]),
        ("{proxy_hide_header: x-custom}", []),
        ("{proxy_pass_header: server, proxy_hide_header: server}", []),
    ],
)  # fmt: skip
def test_fields_of_its_own_are_taken_out_unless_they_are_passed(
    settings: str, kept: list[str]
) -> None:
    answer = head(X_Accel_Buffering="no", X_Accel_Expires="0", Server="app", X_Custom="a")
    seen = behind(f"[{{nginx: {settings}}}]", brief(answer))
    assert seen.head is not None
    found = dict(seen.head.headers)
    assert [it for it in ("X-Accel-Buffering", "X-Accel-Expires") if it in found] == kept[:2]
    assert (found.get("Server") == "app") is ("Server" in kept)
    assert ("X-Custom" in found) is ("x-custom" not in settings)


def test_what_upstream_is_sent_is_not_what_nginx_looks_at() -> None:
    """Compression goes by what the client accepts."""
    settings = "gzip: on, gzip_types: '*', proxy_set_header: {Accept-Encoding: '', X-Sent: a}"
    seen = behind(f"[{{nginx: {{{settings}}}}}]", brief(head()))
    assert seen.request is not None
    assert dict(seen.request.headers) == {"Host": "t", "X-Sent": "a"}
    assert seen.head is not None
    assert dict(seen.head.headers)["Content-Encoding"] == "gzip"
