"""Reduce the raw log of the measurements to `records.json.gz`.

    python -m tests.fidelity.reduce measurements.json.gz

Left out: tags and connection names, the times of single reads, bodies of error pages, values of
fields that name a machine or an instant, and what the probe's own end of watching did. Seconds are
kept to the millisecond of the log.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

from harness.fidelity.record import Ask, Other, Record, Rest, Seen, Upstream
from tests.fidelity.records import Records, write

PROVENANCE = (
    "Measured in November 2026 on loopback, Linux, two shared cores; the programs as their "
    "packages ship them, in the versions and configurations given. Reduced by "
    "tests/fidelity/reduce.py."
)

# What the client sends; of other fields upstream only the names are kept.
SENT = {
    "accept",
    "accept-encoding",
    "cache-control",
    "last-event-id",
    "referer",
    "user-agent",
    "x-forwarded-for",
}
# Response fields whose value says something of the stream.
TELLING = {
    "accept-ranges",
    "cache-control",
    "connection",
    "content-encoding",
    "content-type",
    "etag",
    "keep-alive",
    "pragma",
    "server",
    "transfer-encoding",
    "vary",
    "x-accel-buffering",
    "x-custom",
}
# Programs that are no intermediaries: the origin runs inside.
APPS = {
    "express+compression",
    "gunicorn",
    "hypercorn",
    "next",
    "pyservers",
    "uvicorn",
    "waitress",
}
# The applications end a silent stream by themselves after so long, whatever they are asked; the
# origin does only if asked.
APP_HANG_S = 60.0
# The client that was to leave before any head left then.
LEFT_BEFORE_HEAD_S = 1.0
LAZY_S = 6.0
# From so many events on the origin's clock is taken from its log, or from what it usually was.
MANY = 100
DRIFT = 1.06
H2_LAZY_S = 4.0


def reduced(raw: list[dict[str, Any]]) -> Records:
    """The records of a whole log."""
    texts: dict[str, str] = {}
    for it in raw:
        texts.setdefault(f"{it['intermediary']}/{it['config']}", it["config_text"])
    return Records(PROVENANCE, texts, tuple(map(_record, raw)))


def _record(it: dict[str, Any]) -> Record:
    observed, params, probe = it["observed"], it["params"], it["probe"]
    is_app = it["intermediary"] in APPS
    began_s = _began_s(params["q"], observed)
    ask = _ask(probe, params, observed, began_s, is_app=is_app)
    if probe.startswith("cache_"):
        seen = _seen_cache(observed)
    elif "frames" in observed:
        seen = _seen_h2(ask, observed)
    else:
        seen = _seen(ask, observed, began_s)
    return Record(it["intermediary"], it["version"], it["config"], probe, ask, seen)


def _began_s(q: dict[str, Any], observed: dict[str, Any]) -> float:
    """When the origin got the request, on the client's clock."""
    upstream = observed.get("upstream")
    if upstream and "started_after" in upstream[0]:
        return float(upstream[0]["started_after"])
    bursts, late_s = observed.get("bursts"), observed.get("first_event_latency")
    if bursts and late_s is not None:
        return max(0.0, float(bursts[0][0] - late_s - q.get("first", 0) - q.get("hdrdelay", 0)))
    return 0.0


def _ask(
    probe: str, params: dict[str, Any], observed: dict[str, Any], began_s: float, *, is_app: bool
) -> Ask:
    q = params["q"]
    left_s: Any = observed.get("left_t")
    leaves: Any = params.get("stopkind", "fin") if "stop" in params else ""
    watch_s: Any = params.get("limit")
    if probe.startswith("h2_client_reset"):
        leaves, left_s = "rst", observed["end_t"]
        watch_s = 9.0 if left_s is None else left_s + H2_LAZY_S
    elif probe == "leave_before_headers":
        leaves, left_s, watch_s = "fin", LEFT_BEFORE_HEAD_S, LEFT_BEFORE_HEAD_S + LAZY_S
    elif leaves:
        left_s = None if left_s is None else round(left_s - began_s, 3)
        watch_s = 9.0 if left_s is None else left_s + LAZY_S
    third_s = 0.0
    if probe.startswith("cache_"):
        third_s = {"cache_long": 14.0, "cache_hdrd": 9.0}.get(probe[:10], 7.5)
        watch_s = third_s + 30
    end = {"nohdr": "die-fin", "rsthdr": "die-rst"}.get(q.get("die", ""), q.get("end", "clean"))
    if probe == "refused":
        end = "refused"
    hang_s = q.get("hang")
    if end == "hang" and is_app:
        hang_s = APP_HANG_S
    return Ask(
        n=q["n"],
        dt=_dt(q, observed),
        size=q["size"],
        first=q.get("first", 0.0),
        head_after=q.get("hdrdelay", 0.0),
        is_random=bool(q.get("rnd")),
        heartbeats=q.get("hbn", 0),
        has_tail=bool(q.get("tail")),
        end=end,
        hang_s=hang_s,
        mode=q.get("mode", "chunked"),
        cache_control=q.get("cc", "no-cache"),
        content_type=q.get("ct", "text/event-stream"),
        fields=_pairs(q.get("h", "")),
        is_flushed=not q.get("nofh"),
        is_app=is_app,
        put=tuple((params.get("hdr") or {}).items()),
        drop=tuple(params.get("drop") or ()),
        http="2" if "frames" in observed else params.get("http", "1.1"),
        leaves=leaves,
        left_s=left_s,
        watch_s=round(float(watch_s), 3),
        third_s=third_s,
    )


def _dt(q: dict[str, Any], observed: dict[str, Any]) -> float:
    """The time between events: of many, as it was, since every sleep took a little longer."""
    if q["n"] < MANY:
        return float(q["dt"])
    upstream, app_events = observed.get("upstream"), observed.get("app_events")
    dt = q["dt"] * DRIFT
    if upstream and upstream[0]["events_sent"] == q["n"]:
        dt = upstream[0]["last_write_t"] / (q["n"] - 1)
    elif app_events and (app_events[0]["ev"] == "finished" or app_events[0].get("ended")):
        dt = _app_event_s(app_events[0]) / q["n"]
    return round(float(dt), 6)


def _app_event_s(it: dict[str, Any]) -> float:
    """When it was, by the application's clock; some count in milliseconds."""
    return it["t"] / 1000 if isinstance(it["t"], int) else float(it["t"])


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    lines = [it.partition(": ") for it in text.split("|") if it]
    return tuple((name, value) for name, _, value in lines)


def _seen(ask: Ask, observed: dict[str, Any], began_s: float) -> Seen:
    def since(t_s: float | None) -> float | None:
        return None if t_s is None else round(max(t_s - began_s, 0.0), 3)

    end = _end(observed["end"])
    end_s = observed.get("end_t")
    if end == "clean" and end_s is None:
        end_s = observed.get("last_data_t")  # the read with the last chunk, or the last bytes
    rest = observed.get("after_half_close")
    fields = _response_fields(observed.get("resp_headers") or [])
    return Seen(
        status=_status(observed.get("status")),
        head_s=since(observed.get("hdr_t")),
        fields=fields,
        events=observed.get("events", 0),
        comments=observed.get("heartbeats") or 0,
        bursts=tuple((since(t_s) or 0.0, size) for t_s, size in observed.get("bursts") or ()),
        latest_s=observed.get("max_latency"),
        end=end,
        end_s=since(end_s) if end in {"clean", "truncation"} else None,
        framing=_framing(fields) if fields else "",
        upstream=_upstream(ask, observed),
        rest=rest and Rest(rest["events"], rest["end"] == "FIN"),
    )


def _status(line: str | None) -> int | None:
    return int(line.removeprefix("HTTP/1.1 ").removeprefix("HTTP/1.0 ")[:3]) if line else None


def _end(text: str) -> str:
    for start, end in (
        ("clean", "clean"),
        ("FIN (close-delimited body)", "clean"),
        ("FIN", "truncation"),
        ("still open", "open"),
        ("client left", "left"),
    ):
        if text.startswith(start):
            return end
    raise ValueError(f"unknown end {text!r}")


def _framing(fields: tuple[tuple[str, str], ...]) -> str:
    names = {name for name, _ in fields}
    if "transfer-encoding" in names:
        return "chunked"
    return "length" if "content-length" in names else "close"


def _response_fields(fields: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.lower(), value if name.lower() in TELLING else "")
        for name, value in fields
        if not name.startswith(":")
    )


def _upstream(ask: Ask, observed: dict[str, Any]) -> tuple[Upstream, ...] | None:
    if ask.is_app:
        return _noticed(ask, observed)
    return tuple(_one_upstream(ask, it) for it in observed["upstream"])


def _one_upstream(ask: Ask, it: dict[str, Any]) -> Upstream:
    line, *lines = it["head"].split("\r\n")
    pairs = [it.partition(":") for it in lines]
    fields = [(name.lower(), value.strip()) for name, _, value in pairs]
    how = {None: "open", "FIN": "fin", "RST": "rst"}[it["close"]]
    if it.get("origin_end") or ask.end.startswith("die"):
        how = "origin"
    return Upstream(
        close=how,  # type: ignore[arg-type]  # of a table of the four
        close_s=it["close_t"] if how in {"fin", "rst"} else None,
        version=line.rpartition(" ")[2],
        is_reused=it["nth_on_conn"] > 0,
        fields=tuple((name, value if name in SENT else "") for name, value in fields),
    )


def _noticed(ask: Ask, observed: dict[str, Any]) -> tuple[Upstream, ...] | None:
    """When an application learnt that its client had left; it is its own upstream."""
    if not ask.leaves and observed["end"] != "FIN without last chunk":
        return None
    for it in observed.get("app_events", ()):
        t_s = _app_event_s(it)
        if t_s > ask.watch_s - 0.4:
            break  # the probe stopped watching
        if it["ev"] == "finished" or it.get("ended") or re.search("app dies", it["ev"]):
            return (Upstream("origin"),)
        return (Upstream("fin", t_s),)
    return (Upstream("origin" if ask.end == "fin" else "open"),)


def _seen_h2(ask: Ask, observed: dict[str, Any]) -> Seen:
    frames = observed["frames"]
    texts = [text for _, text in frames]
    has_all = len(frames) < 14  # the log kept the last ones
    bursts = [
        (t_s, int(text.split()[1]))
        for t_s, text in frames
        if text.startswith("DATA") and text.split()[1] != "0"
    ]
    end, end_s = "left" if ask.leaves else "open", None
    for t_s, text in frames:
        if text.startswith("RST_STREAM"):
            end, end_s = f"reset {text.split()[1]}", t_s
        elif text == "END_STREAM":
            end, end_s = "clean", t_s
    if "protocol error" in observed["end"]:
        end = ""  # the probe's own client gave up
    return Seen(
        status=_status(observed.get("status")),
        head_s=observed.get("hdr_t"),
        fields=_response_fields(observed.get("resp_headers") or []),
        events=observed["events"],
        bursts=tuple(bursts) if has_all else (),
        latest_s=observed.get("max_latency"),
        end=end,
        end_s=end_s,
        has_goaway=any("GOAWAY" in it for it in [*texts, observed["end"]]),
        upstream=_upstream(ask, observed),
    )


def _seen_cache(observed: dict[str, Any]) -> Seen:
    second, third = observed["second"], observed["third_after_end"]
    # The log took the second client's own request for the third's as well.
    own = {"second": second["own_upstream"]}
    own["third"] = observed["n_upstream"] > 1 + own["second"]
    return Seen(
        status=_status(observed["first_status"]),
        others=tuple(
            Other(own[name], it["first_data_after_request_s"], it["events"])
            for name, it in (("second", second), ("third", third))
        ),
    )


def main(path: str) -> None:
    """Write `records.json.gz` from the raw log at `path`."""
    raw = json.loads(gzip.decompress(Path(path).read_bytes()))
    print(write(reduced(raw)), "bytes")  # noqa: T201 - what this command is for


if __name__ == "__main__":
    main(sys.argv[1])
