"""Write journals by hand: a small stage on which a test says what crossed which border, and when.

    stage = Stage(hops=1)
    stream = stage.connect(0.0)
    stream.event(1.0, 1)                        said at 1 s, at the client at once
    stream.event(2.0, 2, arrives_s=9.0)         held by hop 1 for seven seconds
    stream.cut(70.0, hop=1)
    journal = stage.journal(over_s=80.0)

Every place keeps its own numbers, as the real ones do. Entries may be put in any order; the journal
has them by time, and at one time in the order they were put.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from harness.model import journal as j
from harness.model.promises import NOTHING, Promises
from harness.model.scenario import Case, Hop, Scenario, Target, Traffic, Twin
from harness.wire.headers import Headers
from tests.testkit.links import HopEntry, Link

STREAM: Headers = (
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)
HTML: Headers = (("Content-Type", "text/html"),)


def without(name: str, headers: Headers = STREAM) -> Headers:
    """`headers` less one field."""
    return tuple((key, value) for key, value in headers if key != name)


def data_hash(data: str) -> str:
    """As the reference server's feed has it."""
    return hashlib.sha256(data.encode()).hexdigest()


class Stage:
    """One case.

    Args:
        hops: How many there are; each has one fault named `fault`.
        chain: The hops themselves, in place of those.
        is_reference: Whether the target is the reference server, which keeps a record of its own.
        expect: What the scenario expects.
        recorded: The hops that keep a record; None: all of them. The others are programs.
        has_relays: Whether there is a relay between every two of those.
        promises: What is said of a foreign target.
    """

    def __init__(
        self,
        *,
        hops: int = 1,
        is_reference: bool = True,
        traffic: Traffic | None = None,
        expect: dict[str, Any] | None = None,
        twin: Twin | None = None,
        clock: Literal["real", "virtual"] = "virtual",
        recorded: set[int] | None = None,
        has_relays: bool = True,
        faults: int = 1,
        chain: Sequence[Hop] = (),
        promises: Promises = NOTHING,
    ) -> None:
        self.hops = tuple(range(1, (len(chain) or hops) + 1))
        self.recorded = set(self.hops) if recorded is None else recorded
        self.is_reference = is_reference
        self._put: list[tuple[float, j.Entry]] = []
        self._counts: Counter[str] = Counter()
        through = [self._written(hop, faults) for hop in self.hops]
        scenario = Scenario.model_validate(
            {"id": "test/case", "why": "a test", "through": through, "expect": expect or {}}
        ).model_copy(update={"traffic": traffic, **({"through": tuple(chain)} if chain else {})})
        self._has_relays = has_relays
        url = None if is_reference else "http://127.0.0.1:1/events"
        self.case = Case(
            id="test/case",
            scenario=scenario,
            target=Target(url=url, promises=promises),
            clock=clock,
            seed=7,
            twin=twin,
            place="scenarios/test.yaml:1:1",
        )
        self.put(0.0, j.StageReady())

    def put(self, t_s: float, entry: j.Entry) -> None:
        """Add an entry."""
        self._put.append((round(t_s, 6), entry))

    def count(self, place: str) -> int:
        """The next number at a place."""
        self._counts[place] += 1
        return self._counts[place]

    def feed(
        self, t_s: float, seq: int, *, event_id: str | None = None, data: str | None = None
    ) -> None:
        """The reference server's feed produces an event, whoever listens."""
        text = f"event {seq}" if data is None else data
        name = str(seq) if event_id is None else event_id
        self.put(t_s, j.ServerFeed(seq=seq, id=name or None, data_hash=data_hash(text)))

    def connect(
        self,
        t_s: float = 0.0,
        *,
        client: int = 1,
        last_id: str | None = None,
        heard_id: str | None = "same",
        status: int = 200,
        headers: Headers = STREAM,
        remade: Mapping[int, Headers] | None = None,
        version: str = "HTTP/1.1",
        head_s: float | None = None,
    ) -> Link:
        """A request that goes all the way, and the head of the target's answer.

        Args:
            heard_id: What is left of Last-Event-ID behind hop 1.
            remade: What a hop makes of the headers, by its number.
            head_s: When the head is sent; inf: at once, but the last hop keeps it.
        """
        link = self._request(t_s, client, last_id, len(self.hops), heard_id)
        tap_id = last_id if heard_id == "same" else heard_id
        tap_headers: Headers = () if tap_id is None else (("Last-Event-ID", tap_id),)
        link.tap_x = self.count("tap")
        self.put(
            t_s,
            j.TapRequest(
                x=link.tap_x, method="GET", target="/events", version=version, headers=tap_headers
            ),
        )
        if self.is_reference:
            link.server_x = self.count("server")
            self.put(t_s, j.ServerRequest(x=link.server_x, last_event_id=tap_id, status=status))
        at_s = t_s if head_s is None else head_s
        link.head(at_s, status, headers, remade or {}, version)
        return link

    def refuse(self, t_s: float, *, client: int = 1) -> Link:
        """A request that no hop takes."""
        link = self._request(t_s, client, None, 0, "same")
        link.client_end(t_s, "refused")
        return link

    def answer(
        self,
        t_s: float,
        status: int,
        *,
        by: int,
        client: int = 1,
        at_s: float | None = None,
        last_id: str | None = None,
    ) -> Link:
        """A request that hop `by` answers itself, at `at_s`."""
        link = self._request(t_s, client, last_id, by, "same")
        done_s = t_s if at_s is None else at_s
        for hop in range(by, 0, -1):
            x = link.hop_x[hop]
            if hop != by:
                link.upstream_head(done_s, hop, status, HTML)
            answered = hop == by
            self.hop(
                done_s,
                j.HopForwardedHead(hop=hop, x=x, status=status, headers=HTML, is_answer=answered),
            )
            if hop != by:
                self.hop(done_s, j.HopUpstreamEnd(hop=hop, x=x, attempt=0, how="end"))
            self.hop(
                done_s,
                j.RelayHead(
                    hop=hop, x=x, status=status, version="", framing="length", headers=HTML
                ),
            )
            link.ends_at(done_s, hop, "end")
        self.put(
            done_s,
            j.ClientHead(client=client, x=link.x, status=status, version="HTTP/1.1", headers=HTML),
        )
        link.client_end(done_s, "end")
        return link

    def wait(self, t_s: float, delay_s: float, *, client: int = 1, last_id: str = "") -> None:
        """A client waits before it reconnects."""
        self.put(t_s, j.ClientWait(client=client, delay_s=delay_s, last_event_id=last_id))

    def done(self, t_s: float, reason: str, *, client: int = 1, is_fatal: bool = False) -> None:
        """A client is done."""
        self.put(t_s, j.ClientDone(client=client, reason=reason, is_fatal=is_fatal))

    def note(
        self,
        t_s: float,
        what: Literal["armed", "fired", "defeated", "not_reached", "not_armed"],
        reason: str,
        *,
        hop: int = 1,
        fault: int = 0,
        x: int = 1,
    ) -> None:
        """A fault says how it stands."""
        name = f"fault{fault or ''}"
        self.put(t_s, j.FaultNote(hop=hop, fault=fault, name=name, x=x, what=what, reason=reason))

    def hop(self, t_s: float, entry: HopEntry) -> None:
        """Add an entry of a hop, if that hop keeps a record, or of the relay before it."""
        is_relay = isinstance(entry, j.RelayRequest | j.RelayHead | j.RelayRead | j.RelayEnd)
        is_between = {entry.hop - 1, entry.hop}.isdisjoint({0, *self.recorded})
        if is_between and self._has_relays if is_relay else entry.hop in self.recorded:
            self.put(t_s, entry)

    def _written(self, hop: int, faults: int) -> dict[str, Any]:
        made = {f"fault{at or ''}": None for at in range(faults)}
        if hop in self.recorded:
            return made
        named = [{"name": it} for it in made]
        return {"faults": named, "product": {"name": "nginx"}, "is_real": True}

    def journal(self, over_s: float = 100.0, *, is_whole: bool = True) -> j.Journal:
        """All of it, in order."""
        case = j.CaseEntry(
            schema=j.SCHEMA,
            version=j.VERSION,
            tool="test",
            case=self.case.model_dump(mode="json"),
            clock=self.case.clock,
            seed=7,
            target="test",
            is_reference=self.is_reference,
        )
        put = sorted(self._put, key=lambda it: it[0])
        if is_whole:
            put.append((over_s, j.StageOver(reason="watched to the end")))
        timed = [case, *(msgspec.structs.replace(it, t_s=t_s) for t_s, it in put)]
        return j.Journal(msgspec.structs.replace(it, n=n) for n, it in enumerate(timed))

    def _request(
        self, t_s: float, client: int, last_id: str | None, upto: int, heard_id: str | None
    ) -> Link:
        link = Link(self, client, self.count(f"client {client}"), t_s)
        sent: Headers = (("Accept", "text/event-stream"),)
        sent += () if last_id is None else (("Last-Event-ID", last_id),)
        after = sent if heard_id == "same" else sent[:1]
        self.put(
            t_s,
            j.ClientRequest(
                client=client, x=link.x, method="GET", url="http://127.0.0.1:1/events", headers=sent
            ),
        )
        for hop in range(1, upto + 1):
            x = link.hop_x[hop] = self.count(f"hop {hop}")
            self.hop(
                t_s,
                j.RelayRequest(
                    hop=hop,
                    x=x,
                    method="GET",
                    target="/events",
                    version="HTTP/1.1",
                    headers=sent if hop == 1 else after,
                ),
            )
            self.hop(
                t_s,
                j.HopRequest(
                    hop=hop,
                    x=x,
                    method="GET",
                    target="/events",
                    version="HTTP/1.1",
                    headers=sent if hop == 1 else after,
                ),
            )
            if hop < upto or upto == len(self.hops):
                self.hop(
                    t_s, j.HopAttempt(hop=hop, x=x, attempt=0, version="HTTP/1.1", headers=after)
                )
        return link
