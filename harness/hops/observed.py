"""What was observed at the two ends of a chain: input and output of the replay driver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from harness.faults.base import GoneHow
from harness.model import journal
from harness.model.journal import Entry, Journal
from harness.wire.headers import Headers


@dataclass(frozen=True, slots=True)
class Asked:
    """A request a client sent, and when and how it left that response.

    Args:
        t_s: When the request was sent, in seconds since the case began.
        gone_s: When the client left this response, or refused it; None: it did neither.
        reads_on: It shut down its sending side only, and takes what still comes.
        version: The protocol's version in its request line; over HTTP/2, HTTP/2.
    """

    client: int
    x: int
    t_s: float
    method: str
    target: str
    headers: Headers
    gone_s: float | None = None
    gone_how: GoneHow = "fin"
    reads_on: bool = False
    version: str = "HTTP/1.1"


@dataclass(frozen=True, slots=True)
class Said:
    """What the target said in one exchange; times in seconds since its request reached it.

    Args:
        status: 0 when no head ever came.
        reads: (time, body bytes) of each read at the tap.
        end: How and when the target ended it; None: downstream left first, or still open.
        answer_s: Downstream left first, and the target then ended it (`answer`) after this time.
    """

    status: int
    version: str
    framing: str
    headers: Headers
    head_s: float
    reads: tuple[tuple[float, bytes], ...]
    end: str | None
    end_s: float
    answer: str | None = None
    answer_s: float = 0.0


@dataclass(slots=True)
class Got:
    """What a client got in answer to one request: the facts two drivers must agree on.

    Args:
        framing: How it was told the end of the body; None: it got no head.
        reads: (time, body bytes), one for each instant at which bytes came.
        end: How it ended; None: it was still open.
        h2_code: Error code of the RST_STREAM it ended with over HTTP/2; None: another end.
        goaway_s: When a GOAWAY told it to make no new request on this connection; None: never.
    """

    status: int | None = None
    headers: Headers = ()
    head_s: float | None = None
    framing: str | None = None
    reads: list[tuple[float, bytes]] = field(default_factory=list)
    end: str | None = None
    end_s: float | None = None
    h2_code: int | None = None
    goaway_s: float | None = None

    @property
    def body(self) -> list[tuple[float, bytes]]:
        """(time, all body bytes up to then), one for each instant at which bytes came."""
        whole = accumulate(data for _, data in self.reads)
        return [(t_s, so_far) for (t_s, _), so_far in zip(self.reads, whole, strict=True)]

    def add(self, t_s: float, data: bytes) -> None:
        """Bytes came; those of one instant count as one arrival."""
        if self.reads and abs(self.reads[-1][0] - t_s) < SAME_INSTANT_S:
            began_s, before = self.reads[-1]
            self.reads[-1] = (began_s, before + data)
        else:
            self.reads.append((t_s, data))


# The journal's resolution, twice: less apart is the same instant.
SAME_INSTANT_S = 2e-6


def asked(entries: Journal) -> list[Asked]:
    """The clients' requests and departures in a journal, in order."""
    gone: dict[tuple[int, int], tuple[float, str]] = {}
    spoken: dict[int, str] = {}
    for it in entries:
        match it:
            case journal.ClientHead():
                # A client never changes it; one that got no head at all is taken for HTTP/1.1.
                spoken[it.client] = it.version
            case journal.ClientLeft():
                gone[it.client, it.x] = (it.t_s, it.by)
            case journal.ClientEnd(how="left"):
                # A client that refuses a response, for its type, closes it too.
                gone.setdefault((it.client, it.x), (it.t_s, "fin"))
            case _:
                pass
    out = []
    for it in entries:
        if isinstance(it, journal.ClientRequest):
            gone_s, by = gone.get((it.client, it.x), (None, "fin"))
            out.append(
                Asked(
                    it.client,
                    it.x,
                    it.t_s,
                    it.method,
                    it.url,
                    it.headers,
                    gone_s,
                    "rst" if by == "rst" else "fin",
                    reads_on=by == "half-close",
                    version=spoken.get(it.client, "HTTP/1.1"),
                )
            )
    return out


def said(entries: Journal) -> list[Said]:
    """What the tap recorded of the target, one for each exchange, in order.

    Raises:
        ValueError: Payload bytes were clipped, so that nothing can be replayed.
    """
    by_x: dict[int, list[Entry]] = {}
    for it in entries:
        if isinstance(it, journal.TapRequest | journal.TapHead | journal.TapRead | journal.TapEnd):
            by_x.setdefault(it.x, []).append(it)
    return [_one_said(by_x[x]) for x in sorted(by_x)]


def _one_said(entries: Iterable[Entry]) -> Said:
    began_s = 0.0
    head: journal.TapHead | None = None
    head_s = end_s = 0.0
    reads: list[tuple[float, bytes]] = []
    end: str | None = None
    left_s: float | None = None
    answer: str | None = None
    answer_s = 0.0
    for it in entries:
        match it:
            case journal.TapRequest():
                began_s = it.t_s
            case journal.TapHead(is_interim=False):
                head, head_s = it, it.t_s - began_s
            case journal.TapRead():
                data = it.payload.content()
                if data is None:
                    raise ValueError("payload bytes were clipped: the stream cannot be replayed")
                if data:  # what is kept of a coded body with a secret in it may be none
                    reads.append((it.t_s - began_s, data))
            case journal.TapEnd(by="downstream"):
                left_s = it.t_s
            case journal.TapEnd() if left_s is not None:
                answer, answer_s = it.how, it.t_s - left_s
            case journal.TapEnd():
                end, end_s = it.how, it.t_s - began_s
            case _:
                pass
    return Said(
        status=0 if head is None else head.status,
        version="HTTP/1.1" if head is None else head.version,
        framing="chunked" if head is None else head.framing,
        headers=() if head is None else head.headers,
        head_s=head_s,
        reads=tuple(reads),
        end=end,
        end_s=end_s,
        answer=answer,
        answer_s=answer_s,
    )


def got(entries: Journal) -> dict[tuple[int, int], Got]:
    """What the clients got, by (client, attempt)."""
    out: dict[tuple[int, int], Got] = {}
    for it in entries:
        match it:
            case journal.ClientRequest():
                out[it.client, it.x] = Got()
            case journal.ClientHead():
                mine = out[it.client, it.x]
                mine.status, mine.headers, mine.head_s = it.status, it.headers, it.t_s
            case journal.ClientRead():
                out[it.client, it.x].add(it.t_s, it.payload.content() or b"")
            case journal.ClientEnd(how="left" | "open"):
                pass
            case journal.ClientEnd():
                mine = out[it.client, it.x]
                mine.end, mine.end_s = it.how, it.t_s
            case _:
                pass
    return out
