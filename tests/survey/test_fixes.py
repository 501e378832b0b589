"""What a server can do, what an operator can set, and what of it is proven."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from harness.model.ask import Ask
from harness.model.journal import ClientHead, Entry, HopForwardedHead, HopHead, TapHead
from harness.scenario.chain import parse_chain
from harness.survey import server_fixes
from harness.survey.cadence import longest_silence_s
from harness.survey.cells import Cell, all_chains, all_products, all_settings
from harness.survey.directives import directives
from harness.survey.judging import Judge, Judged
from harness.survey.observation import Observation
from harness.survey.proofs import Proven, Prover, first_to_do, is_curable, told, with_fix
from harness.survey.server_fixes import (
    AT_ONCE,
    BEATING,
    BEATING_OFTEN,
    SERVER_FIXES,
    UNBUFFERED,
    UNTRANSFORMED,
    ServerFix,
)
from harness.wire.coding import decoder, encoder
from harness.wire.headers import value, without
from tests.survey.seen import STREAM, every, judge, saw
from tests.survey.test_judging import OLD_TOKENS, TOKENS

CELLS = (*all_products(), *all_settings(), *all_chains())
EVENT = "data: 1\n\n"
SILENT = saw((1.0, EVENT), watched_s=62.5)


def proven(chain: str, *seen: Observation) -> Proven:
    own = judge(*seen)
    judged = own.through(Cell("test", parse_chain(chain)))
    assert is_curable(judged)
    return Prover(own).prove(judged)


# -- what the server does ----------------------------------------------------------------------


@pytest.mark.parametrize("fix", [UNBUFFERED, UNTRANSFORMED], ids=lambda it: it.name)
def test_a_chain_that_does_not_heed_a_field_does_the_same_with_it(fix: ServerFix) -> None:
    own = judge(TOKENS, OLD_TOKENS)
    fixed = own.had_it_done([fix.apply])
    deaf = [it for it in CELLS if not it.heeds(fix.field)]
    changed = [it.name for it in deaf if done(own, it, fix.field) != done(fixed, it, fix.field)]

    assert 20 < len(deaf) < len(CELLS)
    assert not changed


def done(own: Judge, cell: Cell, field: str) -> tuple[str, list[Entry]]:
    """What came of a stream, but for one field of its head."""
    judged = own.through(cell)
    assert judged.entries is not None
    kept = [
        msgspec.structs.replace(it, headers=without(it.headers, [field]))
        if isinstance(it, TapHead | HopHead | HopForwardedHead | ClientHead)
        else it
        for it in judged.entries
    ]
    return judged.case.outcome, kept


def test_what_a_chain_does_not_heed_is_not_tried_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    own = judge(saw(*every(1.0, 5), end_s=60.0))
    judged = own.through(Cell("test", parse_chain("[{max_duration: {after: 30s}}]")))
    tried: list[Cell] = []
    staying = Judge.staying

    def noted(it: Judge, cell: Cell) -> Judged:
        tried.append(cell)
        return staying(it, cell)

    monkeypatch.setattr(Judge, "staying", noted)
    cures = Prover(own).prove(judged).cures

    assert cures == ()
    # Two kinds of heartbeat, and both of them; two headers change nothing there.
    assert len(tried) == 3


def test_a_header_replaces_what_was_said() -> None:
    seen = UNTRANSFORMED.apply(UNBUFFERED.apply(SILENT))

    assert value(seen.said.headers, "x-accel-buffering") == "no"
    assert value(seen.said.headers, "cache-control") == "no-cache, no-transform"
    assert not UNBUFFERED.helps(seen)
    assert not UNTRANSFORMED.helps(seen)


def test_a_heartbeat_comes_into_silences_only() -> None:
    seen = BEATING.apply(saw((1.0, EVENT), (5.0, EVENT), (40.0, EVENT), end_s=41.0))

    assert [t_s for t_s, _ in seen.said.reads] == pytest.approx([1.0, 5.0, 20.45, 35.9, 40.0])
    assert longest_silence_s(seen) == pytest.approx(15.45)
    assert seen.events == 3


def test_before_the_first_byte_it_brings_the_head_with_it() -> None:
    seen = BEATING.apply(TOKENS)

    first_s, first = seen.said.reads[0]
    assert first == server_fixes.HEARTBEAT
    assert seen.said.head_s == first_s == pytest.approx(15.45)


def test_it_does_not_come_into_the_middle_of_a_block() -> None:
    seen = BEATING.apply(saw((1.0, "data: a\n"), (40.0, "\n"), end_s=41.0))

    assert [t_s for t_s, _ in seen.said.reads] == [1.0, 40.0]


def test_a_silence_that_was_left_has_it_to_the_end() -> None:
    seen = BEATING.apply(SILENT)

    assert [t_s for t_s, _ in seen.said.reads] == pytest.approx([1.0, 16.45, 31.9, 47.35])


def test_it_is_of_no_use_where_no_silence_is_as_long() -> None:
    assert not BEATING.helps(saw(*every(1.0, 20), end_s=21.0))
    assert BEATING.helps(SILENT)
    assert BEATING_OFTEN.helps(saw(*every(3.0, 5), end_s=16.0))


def test_a_greeting_comes_with_the_head_at_once() -> None:
    seen = AT_ONCE.apply(TOKENS)

    assert (seen.said.head_s, seen.said.reads[0][0]) == (0.0, 0.0)
    assert seen.events == TOKENS.events
    assert AT_ONCE.helps(TOKENS)
    assert not AT_ONCE.helps(seen)


def test_what_is_added_to_a_coded_stream_is_coded() -> None:
    coder = encoder("br")
    reads = [(float(t_s), coder.compress(EVENT.encode()) + coder.flush()) for t_s in (1, 30)]
    headers = (*STREAM, ("Content-Encoding", "br"))
    seen = BEATING.apply(saw(*reads, end_s=31.0, headers=headers))

    unpack = decoder("br")
    assert b"".join(unpack.decompress(data) for _, data in seen.said.reads) == (
        EVENT.encode() + server_fixes.HEARTBEAT + EVENT.encode()
    )


# -- what an operator sets ---------------------------------------------------------------------


def texts(chain: str, number: int, *names: str) -> list[str]:
    return [it.text for it in directives(Cell("test", parse_chain(chain)), number, names)]


def test_a_flag_is_turned_as_the_product_writes_it() -> None:
    assert texts("nginx", 1, "proxy_buffering") == [
        "nginx: proxy_buffering off",
        "nginx: version 1.29.7 or later",
    ]
    assert texts("fastly", 1, "beresp_do_stream") == ["fastly: beresp_do_stream true"]


def test_a_limit_is_lifted_or_raised() -> None:
    assert texts("envoy", 1, "route_timeout")[0] == "envoy: route_timeout 0s"
    assert "nginx: proxy_read_timeout 1h" in texts("nginx", 1, "proxy_read_timeout")


def test_the_other_hops_and_settings_stay() -> None:
    cell = Cell("test", parse_chain("[cloudflare, {nginx: {proxy_read_timeout: 5s}}]"))
    (off, _) = directives(cell, 2, ("proxy_buffering",))

    assert off.cell.hops[0] == cell.hops[0]
    changed = off.cell.hops[1].product
    assert changed is not None
    assert changed.settings == {"proxy_read_timeout": "5s", "proxy_buffering": "off"}


def test_a_hop_of_faults_has_nothing_to_set() -> None:
    assert texts("[{max_duration: {after: 5s}}]", 1, "after") == []


def test_the_line_of_the_users_own_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nginx.conf"
    file.write_text(
        "http {\n server {\n  listen 80;\n  location / {\n   proxy_pass http://a;\n"
        "   proxy_read_timeout 20s;\n  }\n }\n}\n"
    )
    chain = f"[{{nginx: {{config: {file}, location: /}}}}]"

    assert any(
        it.startswith("nginx: proxy_read_timeout 1h, at ") and it.endswith("nginx.conf:6")
        for it in texts(chain, 1, "proxy_read_timeout")
    )
    assert any(
        "proxy_buffering off, in location /" in it for it in texts(chain, 1, "proxy_buffering")
    )


# -- what is proven ----------------------------------------------------------------------------


def test_what_nginx_holds_one_header_or_one_directive_sets_free() -> None:
    it = proven("nginx", TOKENS, OLD_TOKENS)

    assert it.cures == ((UNBUFFERED,),)
    assert it.settings == ("nginx: proxy_buffering off", "nginx: version 1.29.7 or later")
    (first, *_) = it.remedies((UNBUFFERED,))
    assert (first.text, first.is_proven) == ("response header  X-Accel-Buffering: no", True)


def test_heartbeats_do_not_help_against_a_limit_on_all_of_a_response() -> None:
    it = proven("envoy", TOKENS)

    assert it.cures == ()
    assert it.in_vain == (BEATING,)
    assert "envoy: route_timeout 0s" in it.settings
    assert [(told.is_proven, told.text) for told in it.remedies(())][-1] == (False, BEATING.text)


def test_heartbeats_help_against_silence() -> None:
    assert (BEATING,) in proven("aws-alb", SILENT).cures


def test_a_limit_of_a_few_seconds_needs_them_more_often() -> None:
    it = proven("[{idle_timeout: {after: 5s}}]", SILENT)

    assert it.cures == ((BEATING_OFTEN,),)
    assert it.in_vain == (BEATING,)


def test_another_coding_is_no_cure_where_every_coding_holds() -> None:
    for algo in ("gzip", "deflate"):
        it = proven(f"[{{haproxy: {{compression algo: {algo}}}}}]", saw(*every(1.0, 4), end_s=5.0))

        assert it.cures == ((UNTRANSFORMED,),)
        assert it.settings == ("haproxy: compression algo identity",)


def test_what_one_remedy_does_not_cure_two_may() -> None:
    seen = saw(*every(1.0, 10), end_s=11.0)

    assert proven("express-compression", seen).cures == ((UNTRANSFORMED,),)
    assert proven("nginx,express-compression", seen).cures == ((UNBUFFERED, UNTRANSFORMED),)


def test_where_neither_side_can_do_it_alone_both_are_told() -> None:
    seen = saw(*every(1.0, 10), end_s=11.0, framing="close", ask=Ask(version="HTTP/1.0"))
    it = proven("nginx,nginx", saw(*every(1.0, 10), end_s=11.0), seen)

    assert it.cures == ()
    assert "nginx: proxy_buffering off; and response header  X-Accel-Buffering: no" in (
        ";".join(it.settings)
    )


def test_of_what_both_have_to_do_no_more_is_told_than_is_needed() -> None:
    it = proven("fastly", TOKENS)

    assert it.cures == ()
    assert it.settings[0] in {
        f"fastly: beresp_do_stream true; and {fix.text}" for fix in (AT_ONCE, BEATING_OFTEN)
    }


def test_a_heartbeat_at_the_very_instant_of_a_limit_proves_nothing() -> None:
    assert (BEATING,) not in proven("[{idle_timeout: {after: 15s}}]", SILENT).cures
    assert (BEATING,) in proven("[{idle_timeout: {after: 16s}}]", SILENT).cures


def test_who_cannot_resume_is_told_to_where_every_stream_is_ended() -> None:
    it = proven("envoy", saw(*every(1.0, 12), watched_s=12.5))

    assert it.cures == ()
    assert it.settings == ("envoy: route_timeout 0s",)
    assert [(told.is_proven, told.text) for told in it.remedies(())][-1] == (
        None,
        "send ids and resume after Last-Event-ID: the path ends streams after 16 s",
    )


def test_what_no_replay_shows_is_left_as_it_is_known() -> None:
    it = proven("lighttpd,avast", TOKENS)

    assert it.cures == ()
    assert all(remedy.is_proven is not True for remedy in it.remedies(()) if "avast" in remedy.text)


def test_what_cures_most_comes_first_and_nothing_that_cures_no_more() -> None:
    by_chain = {
        "a": Proven(((UNBUFFERED,),), (), ()),
        "b": Proven(((UNBUFFERED,), (BEATING,)), (), ()),
        "c": Proven(((UNBUFFERED, UNTRANSFORMED),), (), ()),
        "d": Proven((), ("x",), ()),
    }

    fixes, cured = first_to_do(by_chain)
    assert (fixes, cured) == ((UNBUFFERED, UNTRANSFORMED), 3)
    assert told(fixes).startswith("response header  X-Accel-Buffering: no; and response header")
    assert first_to_do({}) == ((), 0)


def test_of_several_cures_the_one_that_is_done_anyway_is_told() -> None:
    it = Proven(((BEATING,), (UNBUFFERED,)), (), ())

    assert [remedy.text for remedy in it.remedies((UNBUFFERED,))] == [UNBUFFERED.text]


def test_a_proven_fix_stands_in_the_verdict() -> None:
    own = judge(TOKENS, OLD_TOKENS)
    judged = own.through(Cell("test", parse_chain("nginx")))
    remedies = Prover(own).prove(judged).remedies(())

    fixes = [it.fix for it in with_fix(judged, remedies).case.findings if it.outcome == "FAIL"]
    assert fixes[0] == (
        "response header  X-Accel-Buffering: no; or nginx: proxy_buffering off; or "
        "nginx: version 1.29.7 or later (PROVEN: replayed)"
    )


@pytest.mark.parametrize("fix", SERVER_FIXES, ids=lambda it: it.name)
def test_a_fix_keeps_what_was_said(fix: server_fixes.ServerFix) -> None:
    for seen in (TOKENS, SILENT, saw(*every(3.0, 5), end_s=16.0)):
        after = fix.apply(seen)
        events = [it for it in after.reads if it.events]
        assert [(it.t_s, it.data) for it in events] == [
            (it.t_s, it.data) for it in seen.reads if it.events
        ]
        assert [t_s for t_s, _ in after.said.reads] == sorted(t_s for t_s, _ in after.said.reads)
