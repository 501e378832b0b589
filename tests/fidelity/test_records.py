"""The committed measurements: whole, small, and without what names a run or a machine."""

from __future__ import annotations

import gzip

from harness.fidelity.record import Upstream
from tests.fidelity import records, reduce

_RAW = {
    "intermediary": "nghttpx",
    "version": "1.52.0",
    "config": "backend_read2",
    "config_text": "backend-read-timeout=2s",
    "probe": "idle_midstream",
    "params": {"q": {"n": 2, "dt": 0.2, "size": 60, "end": "hang"}, "limit": 9},
    "observed": {
        "status": "HTTP/1.1 200 OK",
        "hdr_t": 0.023,
        "resp_headers": [
            ["Date", "Fri, 20 Nov 2026 10:28:42 GMT"],
            ["Transfer-Encoding", "chunked"],
        ],
        "events": 2,
        "heartbeats": None,
        "first_event_latency": 0.003,
        "max_latency": 0.004,
        "bursts": [[0.02, 60], [0.22, 60]],
        "left_t": None,
        "end": "FIN without last chunk",
        "end_t": 2.222,
        "upstream": [
            {
                "nth_on_conn": 0,
                "head": "GET /sse?n=2&tag=t1x1 HTTP/1.1\r\nHost: x.test\r\nVia: 1.1 nghttpx",
                "close": "FIN",
                "close_t": 2.202,
                "started_after": 0.02,
            }
        ],
    },
}


def test_the_file_holds_every_record_in_little_space() -> None:
    found = records.stored()
    assert len(found.records) >= 2708
    assert "November 2026" in found.provenance
    assert records.FILE.stat().st_size < 400 * 1024


def test_the_file_names_no_run_and_no_machine() -> None:
    text = gzip.decompress(records.FILE.read_bytes())
    assert [it for it in (b"tag=", b"/work", b"/home", b"/root") if it in text] == []


def test_every_config_has_the_text_it_was_made_of() -> None:
    found = records.stored()
    assert {f"{it.intermediary}/{it.config}" for it in found.records} == found.texts.keys()


def test_a_raw_record_is_counted_from_the_origin_s_request() -> None:
    (record,) = reduce.reduced([_RAW]).records
    assert record.name == "backend_read2 · idle_midstream"
    assert (record.ask.end, record.ask.hang_s, record.ask.watch_s) == ("hang", None, 9.0)
    seen = record.seen
    assert (seen.status, seen.head_s, seen.end, seen.end_s) == (200, 0.003, "truncation", 2.202)
    assert seen.bursts == ((0.0, 60), (0.2, 60))
    assert seen.fields == (("date", ""), ("transfer-encoding", "chunked"))
    assert seen.upstream == (Upstream("fin", 2.202, fields=(("host", ""), ("via", ""))),)
