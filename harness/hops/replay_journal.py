"""The journal of a replay: what a stage would have written, had the chain been on the wire."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from harness.faults.base import ClientGone, Data, Event, RequestHead, ResponseHead, UpstreamEnd
from harness.hops.observed import Asked
from harness.hops.witness import Witness
from harness.model import journal, redaction
from harness.model.journal import CaseEntry, Entry, Journal, Payload
from harness.wire.headers import media_type

EVENT_STREAM = "text/event-stream"
_STAYS_AWAY = "does not reconnect"

type _Ended = Literal["end", "truncation", "reset", "refused"]


class Recording(Witness):
    """Writes a journal while a replay plays.

    Bytes at the hops' borders are body bytes: without a wire there are no others, and no hash of
    them either. Connections are not told apart: each attempt has one of its own. A client asks
    once, unless it is said when it asks again.

    Args:
        case: Entry 0.
        lag_s: How late the machine was that the stream was observed on.
        asks_again: Whether clients may ask again, so that the end of a response is not theirs,
            unless it tells them not to.
    """

    def __init__(self, case: CaseEntry, lag_s: float = 0.0, *, asks_again: bool = False) -> None:
        self.tick(0.0)
        self._asks_again = asks_again
        self._entries: list[Entry] = []
        self._asked: dict[int, Asked] = {}
        self._open: dict[int, Asked] = {}
        self._answers: dict[int, ResponseHead] = {}
        self._offsets: Counter[tuple[str, int, int]] = Counter()
        self.record(case)
        self.record(journal.StageReady())
        if lag_s:
            self.record(journal.StageLag(lag_s=lag_s))

    def tick(self, now_s: float) -> None:
        """What follows happens now, in seconds."""
        self._now_s = now_s
        self._t_s = round(now_s, 6)  # once, and not for each entry

    @property
    def now_s(self) -> float:
        """When what is recorded happens, in seconds."""
        return self._now_s

    def record(self, entry: Entry) -> None:
        """Write an entry: it gets its number and time here."""
        # The entry was made for this call alone: nobody else holds it.
        msgspec.structs.force_setattr(entry, "n", len(self._entries))
        msgspec.structs.force_setattr(entry, "t_s", self._t_s)
        self._entries.append(entry)

    def over(self, until_s: float, reason: str) -> Journal:
        """The watch is over: who still reads is sent home."""
        self.tick(max(self._now_s, until_s))
        for asked in self._open.values():
            self.record(journal.ClientEnd(client=asked.client, x=asked.x, how="open"))
        self.record(journal.StageOver(reason=reason))
        return Journal(self._entries)

    # -- the clients ---------------------------------------------------------------------------

    def asked(self, number: int, request: Asked) -> None:
        """See `Witness`."""
        self._asked[number] = self._open[number] = request
        self.record(
            journal.ClientRequest(
                client=request.client,
                x=request.x,
                method=request.method,
                url=redaction.url(request.target),
                headers=redaction.headers(request.headers),
            )
        )

    def answered(self, number: int, head: ResponseHead) -> None:
        """See `Witness`."""
        request = self._asked[number]
        self._answers[number] = head
        self.record(
            journal.ClientHead(
                client=request.client,
                x=request.x,
                status=head.status,
                version=head.version,
                headers=redaction.headers(head.headers),
            )
        )

    def arrived(self, number: int, data: bytes) -> None:
        """See `Witness`."""
        request = self._asked[number]
        self.record(
            journal.ClientRead(
                client=request.client,
                x=request.x,
                offset=self._from(("client", 0, number), data),
                size=len(data),
                payload=Payload(data=data),
            )
        )

    def ended(self, number: int, how: str) -> None:
        """See `Witness`."""
        request = self._open.pop(number)
        self.record(journal.ClientEnd(client=request.client, x=request.x, how=_ended(how)))
        why, is_fatal = _done(self._answers.get(number))
        if not self._asks_again or why != _STAYS_AWAY:
            done = journal.ClientDone(client=request.client, reason=why, is_fatal=is_fatal)
            self.record(done)

    def went(self, number: int, request: Asked) -> None:
        """See `Witness`."""
        client, x = request.client, request.x
        if request.reads_on:
            self.record(journal.ClientLeft(client=client, x=x, by="half-close"))
            return
        del self._open[number]
        by: Literal["fin", "rst"] = "fin" if request.gone_how == "fin" else "rst"
        self.record(journal.ClientLeft(client=client, x=x, by=by))
        self.record(journal.ClientEnd(client=client, x=x, how="left"))
        self.record(journal.ClientDone(client=client, reason="left"))

    # -- the hops ------------------------------------------------------------------------------

    def read(self, hop: int, x: int, data: Data) -> None:
        """See `Witness`."""
        size = len(data.data)
        offset = self._from((f"read {data.attempt}", hop, x), data.data)
        self.record(
            journal.HopBytes(
                hop=hop,
                side="up",
                way="read",
                conn=x,
                offset=offset,
                size=size,
                digest="",
                x=x,
                body=offset + size,
            )
        )

    def wrote(self, hop: int, x: int, body_bytes: int) -> None:
        """See `Witness`."""
        before = self._offsets["wrote", hop, x]
        self._offsets["wrote", hop, x] = body_bytes
        self.record(
            journal.HopBytes(
                hop=hop,
                side="down",
                way="write",
                conn=x,
                offset=before,
                size=body_bytes - before,
                digest="",
                x=x,
                body=body_bytes,
            )
        )

    # -- the target ----------------------------------------------------------------------------

    def reached(self, number: int, head: RequestHead) -> None:
        """See `Witness`."""
        self.record(
            journal.TapRequest(
                x=number,
                method=head.method,
                target=redaction.url(head.target),
                version=head.version,
                headers=redaction.headers(head.headers),
            )
        )

    def said(self, number: int, event: Event) -> None:
        """See `Witness`."""
        match event:
            case ResponseHead():
                self.record(
                    journal.TapHead(
                        x=number,
                        status=event.status,
                        version=event.version,
                        framing=event.framing,
                        headers=redaction.headers(event.headers),
                    )
                )
            case Data(data):
                self.record(
                    journal.TapRead(
                        x=number,
                        offset=self._from(("tap", 0, number), data),
                        size=len(data),
                        payload=Payload(data=data),
                    )
                )
            case UpstreamEnd(how):
                self.record(journal.TapEnd(x=number, by="target", how=how))
            case _:
                raise AssertionError(f"a target never says {event}")

    def left(self, number: int, gone: ClientGone) -> None:
        """See `Witness`."""
        how: Literal["fin", "rst"] = "fin" if gone.how == "fin" else "rst"
        self.record(journal.TapEnd(x=number, by="downstream", how=how))

    def _from(self, way: tuple[str, int, int], data: bytes) -> int:
        """Where these bytes begin on their way."""
        offset = self._offsets[way]
        self._offsets[way] = offset + len(data)
        return offset


def _done(head: ResponseHead | None) -> tuple[str, bool]:
    """Why a client is done after this answer, and whether it was driven away."""
    match head:
        case ResponseHead(status=204):
            return "told to stop", False
        case ResponseHead(status=200, headers=headers) if media_type(headers) != EVENT_STREAM:
            kind = media_type(headers) or "none"
            return f"expected content type {EVENT_STREAM}, got {kind}", True
        case ResponseHead(status=status) if status != 200:
            return f"status {status}", True
        case _:
            return _STAYS_AWAY, False


def _ended(how: str) -> _Ended:
    match how:
        case "end" | "truncation" | "reset" | "refused":
            return how
        case _:
            raise AssertionError(f"no response of a replay ends as {how}")
