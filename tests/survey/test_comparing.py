from __future__ import annotations

from dataclasses import replace

from harness.model.ask import Ask
from harness.model.scenario import Target
from harness.survey.between import Between, between, case_of, change_of
from harness.survey.comparing import Difference, differences
from harness.survey.fingerprints import signs
from harness.survey.observation import Observation
from harness.survey.play import Observed
from harness.wire.coding import encoder
from harness.wire.headers import Headers
from tests.survey.seen import STREAM, every, saw

TICKS = saw(*every(1.0, 20), watched_s=20.5)
TOKENS = saw(*every(0.1, 100, first_s=4.0), end_s=14.0)
EVENT = "data: 1\n\n"


def found(up: Observation, down: Observation) -> list[tuple[str, bool]]:
    return [(it.what, it.is_harmless) for it in differences(up, down)]


def said(up: Observation, down: Observation) -> str:
    (only,) = differences(up, down)
    return only.said


def ended(seen: Observation, how: str, end_s: float) -> Observation:
    return replace(seen, said=replace(seen.said, end=how, end_s=end_s), watched_s=end_s)


def test_the_same_stream_has_not_changed() -> None:
    assert differences(TICKS, TICKS) == ()
    assert differences(TOKENS, saw(*every(0.1, 100, first_s=4.2), end_s=14.2)) == ()


def test_a_stream_that_is_met_at_another_point_of_its_beat_has_not_changed() -> None:
    assert (
        differences(
            saw(*every(5.0, 4, first_s=0.1), watched_s=20.5),
            saw(*every(5.0, 4, first_s=4.9), watched_s=20.5),
        )
        == ()
    )


def test_a_stream_that_was_cut_off_before_is_met_at_another_point_too() -> None:
    up = ended(saw((0.1, EVENT), (0.3, EVENT), (0.5, EVENT), watched_s=2.5), "truncation", 2.5)
    down = ended(saw((0.8, EVENT), (1.0, EVENT), (3.4, EVENT), watched_s=4.0), "truncation", 4.0)

    assert differences(up, down) == ()


def test_an_answer_in_place_of_the_stream() -> None:
    html: Headers = (("Content-Type", "text/html"),)
    down = saw((60.0, "<html>"), head_s=60.0, end_s=60.0, status=504, headers=html)

    assert said(TOKENS, down) == "504 text/html after 60.0 s, upstream 200 text/event-stream"


def test_events_that_come_all_at_the_end() -> None:
    down = saw(*[(14.0, EVENT)] * 100, end_s=14.0)

    (it,) = differences(TOKENS, down)
    assert (it.what, it.is_harmless) == ("holds", False)
    assert it.by_s == 10.0
    assert it.said == "by up to 10.0 s: 100 events in 1 arrival, upstream 100 in 100"


def test_events_that_come_in_bursts() -> None:
    reads = [(5.0 * burst, EVENT * 5) for burst in range(1, 5)]

    assert found(TICKS, saw(*reads, watched_s=20.5)) == [("holds", False)]


def test_events_that_do_not_come_at_all() -> None:
    assert said(TICKS, saw(watched_s=61.0)) == (
        "no event in 61.0 s, upstream the first after 1.0 s"
    )


def test_an_end_that_the_stream_does_not_have() -> None:
    silent = saw((1.0, EVENT), watched_s=61.0)
    cut = ended(silent, "truncation", 31.0)

    assert (
        said(silent, cut) == "cuts it at 31.0 s after 30.0 s of silence, upstream open for 61.0 s"
    )


def test_an_end_that_comes_before_its_time() -> None:
    assert found(TOKENS, saw(*every(0.1, 50, first_s=4.0), end_s=9.0)) == [("cuts", False)]
    assert found(TICKS, saw(*every(1.0, 15), end_s=15.1)) == [("cuts", False)]


def test_heartbeats_that_do_not_come_through() -> None:
    beats = [(5.0 * n, ": hb\n\n") for n in range(1, 5)]
    up = saw((0.5, EVENT), *beats, watched_s=20.5)

    assert said(up, saw((0.5, EVENT), watched_s=20.5)).startswith("comments")


def test_ids_that_do_not_come_through() -> None:
    up = saw(*every(1.0, 5, text="id: {n}\ndata: x\n\n"), end_s=5.5)

    assert said(up, saw(*every(1.0, 5), end_s=5.5)) == "ids, so that no client can resume"


def test_words_to_intermediaries_that_are_used_up_are_harmless() -> None:
    asking = (*STREAM, ("X-Accel-Buffering", "no"))
    up = saw(*every(1.0, 5), end_s=5.5, headers=asking)

    assert differences(up, saw(*every(1.0, 5), end_s=5.5)) == (
        Difference("strips", "no x-accel-buffering, upstream no", is_harmless=True),
    )


def test_a_coding_on_the_way() -> None:
    coder = encoder("gzip")
    reads = [(t_s, coder.compress(it.encode()) + coder.flush()) for t_s, it in every(1.0, 5)]
    down = saw(*reads, end_s=5.5, headers=(*STREAM, ("Content-Encoding", "gzip")))

    assert said(saw(*every(1.0, 5), end_s=5.5), down) == "with gzip, upstream with nothing"


def test_an_answer_from_a_cache() -> None:
    down = saw(*every(1.0, 5), end_s=5.5, headers=(*STREAM, ("Age", "7"), ("X-Cache", "HIT")))

    assert found(saw(*every(1.0, 5), end_s=5.5), down) == [("caches", False)]


# -- who it looks like -------------------------------------------------------------------------


def looked(up: Observation, down: Observation, *others: Observation) -> Between:
    return between(Observed(up, others), down, Target(url="http://127.0.0.1:1/"), 1)


def test_what_a_product_signs_with_is_read() -> None:
    signed = saw(*every(1.0, 5), end_s=5.5, headers=(*STREAM, ("Server", "nginx/1.22.1")))

    assert signs(TICKS, signed) == {"nginx": "server: nginx/1.22.1"}
    assert signs(signed, signed) == {}


def test_who_holds_and_signs_is_named_with_what_cures_it() -> None:
    old = saw(*TOKENS.said.reads, end_s=14.0, framing="close", ask=Ask(version="HTTP/1.0"))
    down = saw(*[(14.0, EVENT)] * 100, end_s=14.0, headers=(*STREAM, ("Server", "nginx/1.22.1")))
    it = looked(TOKENS, down, old)

    assert it.likenesses[0].name == "nginx"
    assert it.likenesses[0].why == ("server: nginx/1.22.1", "events held as long")
    assert [(one.text, one.is_proven) for one in it.remedies][:1] == [
        ("response header  X-Accel-Buffering: no", True)
    ]


def test_an_answer_that_took_a_moment_less_looks_like_it_too() -> None:
    old = saw(*every(0.2, 8), end_s=1.85, framing="close", ask=Ask(version="HTTP/1.0"))
    down = saw(*[(1.8, EVENT)] * 8, end_s=1.8, headers=(*STREAM, ("Server", "nginx/1.22.1")))

    it = looked(saw(*every(0.2, 8), end_s=1.82), down, old)
    assert it.likenesses[0].name == "nginx"
    assert it.remedies


def test_who_does_not_sign_is_known_by_the_second_at_which_it_cuts() -> None:
    cut = ended(saw(*every(1.0, 14), watched_s=14.5), "truncation", 15.5)

    assert "envoy" in [it.name for it in looked(TICKS, cut).likenesses]


def test_nothing_that_changes_looks_like_nobody() -> None:
    it = looked(TICKS, TICKS)

    assert it == Between((), (), ())
    assert case_of(it, 1, ["http://a/", "http://b/"]).outcome == "PASS"
    assert change_of(it).what == ()


def test_the_verdict_names_place_change_and_product() -> None:
    down = saw(*[(14.0, EVENT)] * 100, end_s=14.0, headers=(*STREAM, ("Server", "lighttpd/1.4")))
    case = case_of(looked(TOKENS, down), 2, ["http://a/", "http://b/", "http://c/"])

    (finding,) = case.findings
    assert (case.id, case.outcome) == ("compare/2-3", "FAIL")
    assert (finding.check, finding.expected) == ("holds", "as at http://b/")
    assert finding.confirm == "looks like lighttpd"
    assert "server_stream-response-body 1" in finding.fix
