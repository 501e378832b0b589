"""One entry of each kind, every field of it other than its default."""

from __future__ import annotations

from typing import get_args

from harness.model import journal as j
from harness.model.journal import Entry, Payload
from harness.wire.headers import Headers

FIELDS: Headers = (("Content-Type", "text/event-stream"), ("X-Name", "caf\xe9"), ("X-Name", ""))

CASE = j.CaseEntry(
    n=1,
    t_s=0.25,
    schema=j.SCHEMA,
    version=j.VERSION,
    tool="1.2.3",
    case={"id": "a/b", "seed": 7, "deep": [None, True, 1.5, {"é": ""}]},
    clock="virtual",
    seed=7,
    target="a target",
    is_reference=True,
)

ENTRIES: tuple[Entry, ...] = (
    CASE,
    j.Link(n=1, t_s=0.25, at="hop", number=2, x=3, side="down", port=50_001, attempt=4),
    j.ClientRequest(
        n=1, t_s=0.25, client=1, x=2, method="POST", url="http://h/", headers=FIELDS, body_bytes=9
    ),
    j.ClientHead(n=1, t_s=0.25, client=1, x=2, status=200, version="HTTP/1.1", headers=FIELDS),
    j.ClientRead(
        n=1, t_s=0.25, client=1, x=2, offset=10, size=3, payload=Payload(data=b"\x00\xff\n")
    ),
    j.ClientEnd(n=1, t_s=0.25, client=1, x=2, how="truncation", detail="too short"),
    j.ClientWait(n=1, t_s=0.25, client=1, delay_s=0.1, last_event_id="\u2603"),
    j.ClientLeft(n=1, t_s=0.25, client=1, x=2, by="half-close"),
    j.ClientDone(n=1, t_s=0.25, client=1, reason="told to stop", is_fatal=True),
    j.HopRequest(
        n=1, t_s=0.25, hop=1, x=2, method="GET", target="/?a", version="HTTP/2", headers=FIELDS
    ),
    j.HopAttempt(n=1, t_s=0.25, hop=1, x=2, attempt=3, version="HTTP/1.0", headers=FIELDS),
    j.HopHead(
        n=1,
        t_s=0.25,
        hop=1,
        x=2,
        attempt=3,
        status=503,
        version="HTTP/1.1",
        framing="chunked",
        headers=FIELDS,
    ),
    j.HopForwardedHead(n=1, t_s=0.25, hop=1, x=2, status=504, headers=FIELDS, is_answer=True),
    j.HopBytes(
        n=1,
        t_s=0.25,
        hop=1,
        side="up",
        way="read",
        conn=2,
        offset=3,
        size=4,
        digest="0123456789abcdef",
        x=5,
        body=6,
    ),
    j.HopUpstreamEnd(n=1, t_s=0.25, hop=1, x=2, attempt=3, how="reset", detail="by peer"),
    j.HopClosedUpstream(n=1, t_s=0.25, hop=1, x=2, attempt=3, how="fin"),
    j.HopEnd(n=1, t_s=0.25, hop=1, x=2, how="stall"),
    j.HopClientGone(n=1, t_s=0.25, hop=1, x=2, how="rst"),
    j.FaultNote(
        n=1,
        t_s=0.25,
        hop=1,
        fault=2,
        name="buffer",
        x=3,
        what="fired",
        reason="block full",
        offset=4096,
        share=0.5,
    ),
    j.RelayRequest(
        n=1, t_s=0.25, hop=2, x=3, method="GET", target="/", version="HTTP/1.1", headers=FIELDS
    ),
    j.RelayHead(
        n=1,
        t_s=0.25,
        hop=2,
        x=3,
        status=103,
        version="HTTP/1.1",
        framing="none",
        headers=FIELDS,
        is_interim=True,
    ),
    j.RelayRead(n=1, t_s=0.25, hop=2, x=3, offset=3, size=9, digest="0" * 16),
    j.RelayEnd(n=1, t_s=0.25, hop=2, x=3, by="downstream", how="fin", detail="left"),
    j.TapRequest(n=1, t_s=0.25, x=2, method="GET", target="/", version="HTTP/1.1", headers=FIELDS),
    j.TapHead(
        n=1,
        t_s=0.25,
        x=2,
        status=103,
        version="HTTP/1.1",
        framing="none",
        headers=FIELDS,
        is_interim=True,
    ),
    j.TapRead(n=1, t_s=0.25, x=2, offset=3, size=1000, payload=Payload.of(b"x" * 1000)),
    j.TapEnd(n=1, t_s=0.25, x=2, by="downstream", how="fin", detail="left"),
    j.ServerRequest(n=1, t_s=0.25, x=2, last_event_id="", status=204, port=50_001),
    j.ServerSent(n=1, t_s=0.25, x=2, size=3, seq=4, id="4", is_replay=True),
    j.ServerGone(n=1, t_s=0.25, x=2),
    j.ServerDone(n=1, t_s=0.25, x=2, reason="recycled"),
    j.ServerFeed(n=1, t_s=0.25, seq=2, id=None, data_hash="00ff"),
    j.StageReady(n=1, t_s=0.25),
    j.StageMoved(n=1, t_s=0.25, why="connect to 10.0.0.5:5432"),
    j.StageLag(n=1, t_s=0.25, lag_s=0.002),
    j.StageClipped(n=1, t_s=0.25, limit_bytes=8),
    j.StageProblem(n=1, t_s=0.25, source="hop", message="broke", hop=2),
    j.StageOver(n=1, t_s=0.25, reason="every client is done"),
    j.StageRemark(n=1, t_s=0.25, what="node app.js ignored SIGTERM, and was killed"),
)

KINDS: tuple[type[Entry], ...] = get_args(j.Entry.__value__)
