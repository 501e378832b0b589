"""Time harness.wire.sse against httpx-sse on the same bytes, cut into the same reads.

httpx-sse is taken as its users go through it: an httpx.Response over the reads, and
`EventSource(response).iter_sse()`, without a network. Its two decoders alone, fed with text that
the standard library decoded, are shown beside it: what is left when httpx costs nothing.

A ratio above 1 says by how much harness.wire.sse is faster. Processor time, best of all rounds:

    python benchmarks/parser.py --mib 8
"""

import argparse
import codecs
import gc
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import httpx_sse
from httpx_sse._decoders import SSEDecoder, SSELineDecoder

from harness.wire.sse import Event, Parser

READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Feed:
    name: str
    reads: list[bytes]

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.reads))


def token(n: int) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":" tok%d"}}]}\n\n' % n


def typed(n: int) -> bytes:
    return b'event: content_block_delta\ndata: {"index":0,"delta":{"text":" tok%d"}}\n\n' % n


def full(n: int) -> bytes:
    return b'id: %d\nevent: tick\ndata: {"n":%d,"at":1712.25}\n\n' % (n, n)


def full_crlf(n: int) -> bytes:
    return full(n).replace(b"\n", b"\r\n")


def accented(n: int) -> bytes:
    return f'data: {{"delta":{{"content":" où{n} 日本語"}}}}\n\n'.encode()


def document(n: int) -> bytes:
    return (
        b"id: %d\n" % n + b"data: a line of some sixty characters, of which there are many\n" * 500
    )


def big(n: int) -> bytes:
    return b"id: %d\ndata: " % n + b"0123456789abcdef" * (256 * 64) + b"\n\n"


def events(make: Callable[[int], bytes], size_bytes: int) -> list[bytes]:
    made: list[bytes] = []
    total = 0
    for n in itertools.count():
        if total >= size_bytes:
            break
        made.append(make(n))
        total += len(made[-1])
    return made


def blocks(stream: bytes) -> list[bytes]:
    return [stream[at : at + READ_BYTES] for at in range(0, len(stream), READ_BYTES)]


def feeds(size_bytes: int) -> Iterator[Feed]:
    for make in (token, typed, full, full_crlf, accented):
        made = events(make, size_bytes)
        yield Feed(f"{make.__name__}, read by read", made)
        yield Feed(f"{make.__name__}, 64 KiB reads", blocks(b"".join(made)))
    long = events(lambda n: document(n) + b"\n", size_bytes)
    yield Feed("500 lines an event, 64 KiB reads", blocks(b"".join(long)))
    yield Feed("256 KiB an event, 64 KiB reads", blocks(b"".join(events(big, size_bytes))))


def harness_events(reads: list[bytes]) -> int:
    parser = Parser()
    return sum(type(item) is Event for read in reads for item in parser.feed(read))


def httpx_sse_events(reads: list[bytes]) -> int:
    response = httpx.Response(
        200, headers={"Content-Type": "text/event-stream"}, content=iter(reads)
    )
    return sum(1 for _ in httpx_sse.EventSource(response).iter_sse())


def httpx_sse_decoders_events(reads: list[bytes]) -> int:
    text = codecs.getincrementaldecoder("utf-8")("replace")
    lines, decoder = SSELineDecoder(), SSEDecoder()
    return sum(
        decoder.decode(line) is not None
        for read in reads
        for line in lines.decode(text.decode(read))
    )


def best_s(
    parsers: tuple[Callable[[list[bytes]], int], ...], reads: list[bytes], rounds: int
) -> list[float]:
    """Time every parser once a round, so that a busy moment of the machine strikes all alike."""
    times_s: list[list[float]] = [[] for _ in parsers]
    for _ in range(rounds):
        for parse, taken_s in zip(parsers, times_s, strict=True):
            gc.collect()
            begin_s = time.process_time()
            parse(reads)
            taken_s.append(time.process_time() - begin_s)
    return [min(taken_s) for taken_s in times_s]


def main() -> None:
    arguments = argparse.ArgumentParser(description="Time harness.wire.sse against httpx-sse.")
    arguments.add_argument("--mib", type=float, default=4.0, help="size of every feed")
    arguments.add_argument("--rounds", type=int, default=7, help="the best of so many counts")
    options = arguments.parse_args()
    print(f"{'feed':34}{'MiB/s':>8}{'µs/read':>9}{'µs/event':>10}", end="")
    print(f"{'/ httpx-sse':>13}{'/ its decoders':>16}")
    for feed in feeds(int(options.mib * 1024 * 1024)):
        counts = {harness_events(feed.reads), httpx_sse_events(feed.reads)}
        if len(counts) != 1:
            raise SystemExit(f"{feed.name}: the two do not agree on the number of events: {counts}")
        ours_s, theirs_s, decoders_s = best_s(
            (harness_events, httpx_sse_events, httpx_sse_decoders_events),
            feed.reads,
            options.rounds,
        )
        print(
            f"{feed.name:34}{feed.size_bytes / ours_s / 2**20:8.0f}"
            f"{ours_s / len(feed.reads) * 1e6:9.2f}{ours_s / counts.pop() * 1e6:10.2f}"
            f"{theirs_s / ours_s:13.2f}{decoders_s / ours_s:16.2f}"
        )


if __name__ == "__main__":
    main()
