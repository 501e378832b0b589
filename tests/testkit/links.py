"""One attempt of a client on a `Stage`: what crosses every border between it and the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from harness.model import journal as j
from harness.wire.headers import Headers

type HopEntry = (
    j.HopRequest
    | j.HopAttempt
    | j.HopHead
    | j.HopForwardedHead
    | j.HopBytes
    | j.HopUpstreamEnd
    | j.HopClosedUpstream
    | j.HopEnd
    | j.HopClientGone
    | j.RelayRequest
    | j.RelayHead
    | j.RelayRead
    | j.RelayEnd
)


class Place(Protocol):
    """What a link needs of its stage."""

    hops: tuple[int, ...]
    is_reference: bool

    def put(self, t_s: float, entry: j.Entry) -> None: ...

    def hop(self, t_s: float, entry: HopEntry) -> None: ...

    def feed(
        self,
        t_s: float,
        seq: int,
        *,
        event_id: str | None = None,
        data: str | None = None,
    ) -> None: ...


@dataclass
class Link:
    """One attempt of a client, all the way to the target."""

    stage: Place
    client: int
    x: int
    began_s: float
    hop_x: dict[int, int] = field(default_factory=dict)
    tap_x: int = 0
    server_x: int = 0
    passed: Counter[str] = field(default_factory=Counter)

    def head(
        self, t_s: float, status: int, headers: Headers, remade: Mapping[int, Headers], version: str
    ) -> None:
        """The head of the response, from the target to the client."""
        is_held = t_s == float("inf")
        t_s = self.began_s if is_held else t_s
        self.stage.put(
            t_s,
            j.TapHead(
                x=self.tap_x, status=status, version=version, framing="chunked", headers=headers
            ),
        )
        now = headers
        for hop in reversed(self.stage.hops):
            self.upstream_head(t_s, hop, status, now)
            if is_held:
                return
            now = remade.get(hop, now)
            x = self.hop_x[hop]
            forwarded = j.HopForwardedHead(hop=hop, x=x, status=status, headers=now)
            self.stage.hop(t_s, forwarded)
            relayed = j.RelayHead(
                hop=hop, x=x, status=status, version=version, framing="chunked", headers=now
            )
            self.stage.hop(t_s, relayed)
        self.stage.put(
            t_s,
            j.ClientHead(
                client=self.client, x=self.x, status=status, version="HTTP/1.1", headers=now
            ),
        )

    def upstream_head(self, t_s: float, hop: int, status: int, headers: Headers) -> None:
        """A head reaches one hop."""
        self.stage.hop(
            t_s,
            j.HopHead(
                hop=hop,
                x=self.hop_x[hop],
                attempt=0,
                status=status,
                version="HTTP/1.1",
                framing="chunked",
                headers=headers,
            ),
        )

    def event(
        self,
        t_s: float,
        seq: int,
        *,
        event_id: str | None = None,
        data: str | None = None,
        arrives_s: float | None = None,
        held_at: int | None = None,
        lost_at: int | None = None,
        is_fed: bool = True,
    ) -> None:
        """The target says an event of its feed; `event_id=""` sends none."""
        text = f"event {seq}" if data is None else data
        name = str(seq) if event_id is None else event_id
        if self.stage.is_reference:
            self.hand_over(t_s, seq, event_id=name, data=text, is_fed=is_fed)
        block = (f"id: {name}\n" if name else "") + f"data: {text}\n\n"
        self.say(t_s, block, arrives_s=arrives_s, held_at=held_at, lost_at=lost_at)

    def hand_over(
        self,
        t_s: float,
        seq: int,
        *,
        event_id: str | None = None,
        data: str | None = None,
        is_fed: bool = True,
    ) -> None:
        """The reference server hands an event to its transport; `event` lets it out as well."""
        text = f"event {seq}" if data is None else data
        name = str(seq) if event_id is None else event_id
        if is_fed:
            self.stage.feed(t_s, seq, event_id=name, data=text)
        self.stage.put(t_s, j.ServerSent(x=self.server_x, size=len(text), seq=seq, id=name or None))

    def events(self, first: int, last: int, *, every_s: float = 1.0, from_s: float = 1.0) -> None:
        """Several events, each delivered at once."""
        for at, seq in enumerate(range(first, last + 1)):
            self.event(from_s + at * every_s, seq)

    def heartbeats(self, *times_s: float) -> None:
        """Comments, each delivered at once."""
        for t_s in times_s:
            self.say(t_s, ": hb\n\n")

    def say(
        self,
        t_s: float,
        text: str | bytes,
        *,
        arrives_s: float | None = None,
        held_at: int | None = None,
        lost_at: int | None = None,
        got: str | bytes | None = None,
    ) -> None:
        """The target says something in one write.

        Args:
            arrives_s: When it reaches the client.
            held_at: The hop that keeps it until then; by default the one nearest the client.
            lost_at: The hop that reads it and never passes it on; 0: the client's own border.
            got: What reaches the client instead.
        """
        said = text.encode() if isinstance(text, str) else text
        self.tap_read(t_s, said)
        arrives_s = t_s if arrives_s is None else arrives_s
        got_bytes = got.encode() if isinstance(got, str) else said if got is None else got
        now_s, now = t_s, said
        for hop in reversed(self.stage.hops):
            self.crosses(now_s, hop, "up", "read", len(now))
            if hop == lost_at:
                return
            if hop == (held_at or 1):
                now_s, now = arrives_s, got_bytes
            self.crosses(now_s, hop, "down", "write", len(now))
            self.relayed(now_s, hop, len(now))
        if lost_at != 0:
            self.client_read(now_s, now)

    def tap_read(self, t_s: float, said: bytes) -> None:
        """The target says something that goes no further."""
        self.stage.put(
            t_s,
            j.TapRead(
                x=self.tap_x, offset=self.passed["tap"], size=len(said), payload=j.Payload.of(said)
            ),
        )
        self.passed["tap"] += len(said)

    def client_read(self, t_s: float, got: bytes) -> None:
        """Something reaches the client, wherever it came from."""
        self.stage.put(
            t_s,
            j.ClientRead(
                client=self.client,
                x=self.x,
                offset=self.passed["client"],
                size=len(got),
                payload=j.Payload.of(got),
            ),
        )
        self.passed["client"] += len(got)

    def cut(
        self,
        t_s: float,
        *,
        hop: int,
        how: str = "truncation",
        seen_s: float | None = None,
        closed_s: float | None = None,
    ) -> None:
        """A hop ends the response towards the client and closes its side upstream.

        Args:
            seen_s: When the client sees it; None: at once.
            closed_s: When it closes its side upstream; None: at once.
        """
        self.ends_at(t_s, hop, how)
        self._close_above(t_s if closed_s is None else closed_s, hop)
        self._end_below(t_s, hop, how)
        self.client_end(t_s if seen_s is None else seen_s, how)

    def end(self, t_s: float, how: Literal["end", "truncation", "reset"] = "end") -> None:
        """The target ends the response, and every hop passes that on."""
        self.stage.put(t_s, j.TapEnd(x=self.tap_x, by="target", how=how))
        self._server_done(t_s, "end")
        self._end_below(t_s, len(self.stage.hops) + 1, how)
        self.client_end(t_s, how)

    def leave(
        self,
        t_s: float,
        *,
        by: Literal["fin", "rst", "half-close"] = "fin",
        stuck_at: int | None = None,
        seen_s: float | None = None,
        handler_s: float | None = None,
    ) -> None:
        """The client leaves.

        Args:
            stuck_at: The hop that sees it and does not pass it on.
            seen_s: When the target's border sees it.
            handler_s: When the reference server's handler returns; inf: never.
        """
        self.stage.put(t_s, j.ClientLeft(client=self.client, x=self.x, by=by))
        self.client_end(t_s, "left")
        for hop in self.stage.hops:
            x = self.hop_x[hop]
            self.left_at(t_s, hop)
            if hop == stuck_at:
                return
            self.stage.hop(t_s, j.HopClosedUpstream(hop=hop, x=x, attempt=0, how="fin"))
        gone_s = t_s if seen_s is None else seen_s
        self.stage.put(gone_s, j.TapEnd(x=self.tap_x, by="downstream", how="fin"))
        if handler_s != float("inf"):
            self._server_done(gone_s if handler_s is None else handler_s, "gone")

    def client_end(self, t_s: float, how: Any) -> None:
        """The response is over at the client."""
        self.stage.put(t_s, j.ClientEnd(client=self.client, x=self.x, how=how))

    def crosses(
        self,
        t_s: float,
        hop: int,
        side: Literal["up", "down"],
        way: Literal["read", "write"],
        size: int,
    ) -> None:
        """Body bytes cross one border of a hop."""
        border = f"{hop} {side}"
        self.passed[border] += size
        self.stage.hop(
            t_s,
            j.HopBytes(
                hop=hop,
                side=side,
                way=way,
                conn=1,
                offset=0,
                size=size,
                digest="0" * 16,
                x=self.hop_x[hop],
                body=self.passed[border],
            ),
        )

    def relayed(self, t_s: float, hop: int, size: int) -> None:
        """Body bytes cross the relay before a hop, where there is one."""
        border = f"{hop} relay"
        at = self.passed[border]
        self.passed[border] += size
        x, digest = self.hop_x[hop], "0" * 16
        self.stage.hop(t_s, j.RelayRead(hop=hop, x=x, offset=at, size=size, digest=digest))

    def ends_at(self, t_s: float, hop: int, how: Any) -> None:
        """A hop ends the response; the relay before it sees that."""
        x = self.hop_x[hop]
        self.stage.hop(t_s, j.HopEnd(hop=hop, x=x, how=how))
        self.stage.hop(t_s, j.RelayEnd(hop=hop, x=x, by="upstream", how=how))

    def left_at(self, t_s: float, hop: int) -> None:
        """A hop is left by the one before it; the relay between them sees that first."""
        x = self.hop_x[hop]
        self.stage.hop(t_s, j.RelayEnd(hop=hop, x=x, by="downstream", how="fin"))
        self.stage.hop(t_s, j.HopClientGone(hop=hop, x=x, how="fin"))

    def _close_above(self, t_s: float, hop: int) -> None:
        for above in range(hop, len(self.stage.hops) + 1):
            x = self.hop_x[above]
            if above != hop:
                self.left_at(t_s, above)
            self.stage.hop(t_s, j.HopClosedUpstream(hop=above, x=x, attempt=0, how="fin"))
        self.stage.put(t_s, j.TapEnd(x=self.tap_x, by="downstream", how="fin"))
        self._server_done(t_s, "gone")

    def _end_below(self, t_s: float, hop: int, how: str) -> None:
        for below in range(hop - 1, 0, -1):
            x = self.hop_x[below]
            self.stage.hop(t_s, j.HopUpstreamEnd(hop=below, x=x, attempt=0, how=how))
            self.ends_at(t_s, below, how)

    def _server_done(self, t_s: float, reason: str) -> None:
        if self.stage.is_reference:
            if reason == "gone":
                self.stage.put(t_s, j.ServerGone(x=self.server_x))
            self.stage.put(t_s, j.ServerDone(x=self.server_x, reason=reason))
