"""No secret is in a body that is kept, however its bytes came, and everything else of it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.checks.streams import Stream
from harness.engine.recorder import Recorder, masked
from harness.model import journal
from harness.model.journal import ClientRead, Entry, Journal, Payload, TapRead
from harness.model.secret_bodies import Masker
from harness.model.secret_values import Secrets
from harness.wire.coding import decoder, encoder

SETTINGS = settings(max_examples=100, deadline=None, derandomize=True)
VALUES = ('planted "one"/é', "planted-two", "teteteta")
SECRETS = Secrets(VALUES)
SPELT = [
    *VALUES,
    quote(VALUES[0], safe=""),
    json.dumps(VALUES[0])[1:-1],
]
CODINGS = ["", "gzip", "deflate", "br", "zstd", "gzip, br"]
FIRST = journal.CaseEntry(
    schema=journal.SCHEMA,
    version=journal.VERSION,
    tool="test",
    case={},
    clock="real",
    seed=1,
    target="",
    is_reference=False,
)


@dataclass(frozen=True)
class Said:
    """A body: what it says, in pieces that are flushed, and the reads in which it comes."""

    coding: str
    pieces: tuple[bytes, ...]
    reads: tuple[bytes, ...]
    is_over: bool


@st.composite
def bodies(draw: st.DrawFn, *, has_secrets: bool = True) -> Said:
    """Events with secrets in them, in any coding, flushed and split anywhere."""
    secret = st.sampled_from([*SPELT, *(it[: len(it) // 2] for it in SPELT)])
    plain = st.sampled_from(["\n\n", "\n", "data: ", "id: 7\n", ": hb\n\n", "tete", "x" * 40, "é"])
    parts = draw(st.lists(plain | secret if has_secrets else plain, min_size=1, max_size=12))
    text = "".join(parts).encode()
    coding = draw(st.sampled_from(CODINGS))
    is_over = draw(st.booleans())
    pieces = tuple(cut(text, draw(places(len(text), 4))))
    coders = [encoder(it) for it in coding.split(", ")] if coding else []
    coded = b""
    for number, piece in enumerate(pieces):
        data = piece
        for coder in coders:
            is_last = is_over and number == len(pieces) - 1
            data = coder.compress(data) + (coder.finish() if is_last else coder.flush())
        coded += data
    reads = tuple(cut(coded, draw(places(len(coded), 8))))
    return Said(coding, pieces, reads, is_over)


def places(length: int, most: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, length), max_size=most, unique=True)


def cut(data: bytes, at: Sequence[int]) -> Iterator[bytes]:
    yield from (data[a:b] for a, b in pairwise(sorted({0, *at, len(data)})))


def entries(said: Said, *, is_ended: bool = True) -> list[Entry]:
    """The body as the tap saw it, and as a client did; the latter in halves of those reads."""
    headers = (("Content-Encoding", said.coding),) if said.coding else ()
    head = {"x": 1, "status": 200, "version": "HTTP/1.1", "headers": headers}
    out: list[Entry] = [
        FIRST,
        journal.TapHead(framing="chunked", **head),  # type: ignore[arg-type]  # fields by name
        journal.ClientHead(client=1, **head),  # type: ignore[arg-type]  # fields by name
    ]
    at = 0
    for data in said.reads:
        out.append(TapRead(x=1, offset=at, size=len(data), payload=Payload.of(data)))
        for half in filter(None, (data[: len(data) // 2], data[len(data) // 2 :])):
            payload = Payload.of(half)
            out.append(ClientRead(client=1, x=1, offset=at, size=len(half), payload=payload))
            at += len(half)
    if is_ended:
        out += [journal.TapEnd(x=1, by="target", how="end")]
        out += [journal.ClientEnd(client=1, x=1, how="end")]
    return out


def recorded(told: Sequence[Entry], secrets: Secrets | None) -> Journal:
    now_s = 0.0
    with Recorder(None, lambda: now_s, secrets=secrets) as recorder:
        for entry in told:
            now_s += 1.0
            recorder.record(journal.decode(journal.encode(entry)))
        return recorder.journal()


def streams(kept: Journal, coding: str) -> tuple[Stream, Stream]:
    codings = tuple(filter(None, coding.split(", ")))
    tap = [it for it in kept if isinstance(it, TapRead)]
    client = [it for it in kept if isinstance(it, ClientRead)]
    return Stream(tap, codings), Stream(client, codings)


def decoded(stream: Stream) -> bytes:
    unpack = decoder(", ".join(stream.codings))
    reads = stream._entries
    return b"".join(unpack.decompress(it.payload.content() or b"") for it in reads)


def is_whole(stream: Stream) -> bool:
    """Whether its codings may end where it ends."""
    unpack = decoder(", ".join(stream.codings))
    for it in stream._entries:
        unpack.decompress(it.payload.content() or b"")
    return unpack.finish()


def shape(stream: Stream) -> tuple[object, ...]:
    """What a check may ask of a stream, but for what it says."""
    rest = stream.unterminated
    return (
        [
            (it.n, it.t_s, len(it.item.data.encode()), it.item.type, it.item.id_field)
            for it in stream.events
        ],
        [(it.n, it.t_s) for it in stream.comments],
        [(it.n, it.t_s) for it in stream.empties],
        stream.reads,
        stream.decoded_bytes,
        is_whole(stream),
        None if rest is None else (rest.start, rest.end, rest.lines, rest.rest_bytes),
        stream.bad_utf8_n,
    )


def unremarked(kept: Journal) -> Journal:
    """As if there were no remark: it shifts the numbers of what follows it."""
    found = [it for it in kept if not isinstance(it, journal.StageRemark)]
    lines = [json.loads(journal.encode(it)) | {"n": n} for n, it in enumerate(found)]
    return Journal(journal.decode(json.dumps(line).encode()) for line in lines)


@SETTINGS
@given(bodies())
def test_no_reader_of_what_is_kept_finds_a_secret(said: Said) -> None:
    for stream in streams(recorded(entries(said), SECRETS), said.coding):
        text = decoded(stream)
        assert not [it for it in SPELT if it.encode() in text]
        if said.is_over:
            assert len(text) == len(b"".join(said.pieces))


@SETTINGS
@given(bodies(), st.booleans())
def test_stars_take_the_place_of_secrets_and_of_nothing_else(said: Said, is_ended: bool) -> None:
    text = b"".join(said.pieces)
    expected = bytearray(text)
    for needle in SECRETS.needles:
        at = text.find(needle)
        while at >= 0:
            expected[at : at + len(needle)] = b"*" * len(needle)
            at = text.find(needle, at + 1)
    for stream in streams(recorded(entries(said, is_ended=is_ended), SECRETS), said.coding):
        assert decoded(stream) == expected


@SETTINGS
@given(bodies())
def test_every_event_stays_where_and_when_it_was(said: Said) -> None:
    told = entries(said)
    before = streams(recorded(told, None), said.coding)
    after = streams(unremarked(recorded(told, SECRETS)), said.coding)
    assert [shape(it) for it in before] == [shape(it) for it in after]


@SETTINGS
@given(bodies(has_secrets=False))
def test_a_body_without_secrets_is_kept_as_it_came(said: Said) -> None:
    told = entries(said)
    assert recorded(told, SECRETS).entries == recorded(told, None).entries


@SETTINGS
@given(bodies(), st.data())
def test_a_coding_breaks_in_the_read_in_which_it_broke(said: Said, data: st.DataObject) -> None:
    coded = b"".join(said.reads)
    at = data.draw(st.integers(0, len(coded)))
    lie = bytes(it ^ 0xFF for it in coded[at : at + 3])
    lies = Said(
        said.coding,
        said.pieces,
        tuple(cut(coded[:at] + lie + coded[at + 3 :], data.draw(places(len(coded), 8)))),
        said.is_over,
    )
    told = entries(lies)
    before = streams(recorded(told, None), said.coding)
    after = streams(unremarked(recorded(told, SECRETS)), said.coding)
    for was, now in zip(before, after, strict=True):
        assert bool(was.coding_problem) == bool(now.coding_problem)
        assert was.decoded_bytes == now.decoded_bytes
        assert [it.n for it in was.events] == [it.n for it in now.events]
        for event in now.events:
            assert not [it for it in SPELT if it in event.item.data]


@SETTINGS
@given(bodies())
def test_the_file_never_holds_what_the_journal_does_not(
    tmp_path_factory: pytest.TempPathFactory, said: Said
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    with Recorder(path, lambda: 0.0, flush_s=0.0, secrets=SECRETS) as recorder:
        for entry in entries(said):
            recorder.record(journal.decode(journal.encode(entry)))
            held = Journal.read(path.read_bytes().splitlines())
            for stream in streams(held, said.coding):
                assert not [it for it in SPELT if it.encode() in decoded(stream)]
    assert Journal.read(path.read_bytes().splitlines()).entries == recorder.journal().entries


PIECES = (b"data: a plan", b"ted-two\n\n")


def coded(coding: str, pieces: Sequence[bytes]) -> Iterator[bytes]:
    coder = encoder(coding) if coding else None
    for it in pieces:
        yield it if coder is None else coder.compress(it) + coder.flush()


def at_the_tap(said: Said) -> list[Entry]:
    """As only the tap saw it, up to its last read."""
    told = entries(said, is_ended=False)
    return [it for it in told if not isinstance(it, journal.ClientHead | ClientRead)]


@pytest.mark.parametrize("coding", CODINGS[:-1])
@pytest.mark.parametrize(("after_s", "is_there"), [(0.0, False), (4.0, False), (5.0, True)])
def test_the_first_piece_of_a_secret_is_in_no_file_until_it_is_known_for_a_while(
    tmp_path: Path, coding: str, after_s: float, is_there: bool
) -> None:
    now_s = 0.0
    said = Said(coding, PIECES, tuple(coded(coding, PIECES)), is_over=False)
    *before, one, other = at_the_tap(said)
    path = tmp_path / "journal.jsonl"

    def held() -> Journal:
        return Journal.read(path.read_bytes().splitlines())

    with Recorder(path, lambda: now_s, flush_s=0.0, secrets=SECRETS) as recorder:
        for entry in before:
            recorder.record(entry)
        now_s = 1.0
        recorder.record(one)
        now_s += after_s
        recorder.record(journal.StageLag(lag_s=0.0))
        found = [it for it in held() if isinstance(it, TapRead)]
        assert len(found) == is_there
        recorder.record(other)
        text = b"data: a " + b"*" * 11 + b"\n\n"
        assert decoded(streams(held(), coding)[0]) == text
        assert len(held()) == len(recorder.journal())


def test_what_turns_out_to_be_none_is_written_then(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    *before, one, other = at_the_tap(Said("", (), (b"data: plan", b"e\n\n"), is_over=False))
    with Recorder(path, lambda: 0.0, flush_s=0.0, secrets=SECRETS) as recorder:
        for number, entry in enumerate((*before, one, other), 1):
            recorder.record(entry)
            written = path.read_bytes().count(b"\n")
            assert written == number - (entry is one)


@SETTINGS
@given(bodies())
def test_whoever_watched_has_the_same_journal_once_it_is_masked(said: Said) -> None:
    told: list[Entry] = []
    with Recorder(None, lambda: 0.0, told.append, secrets=SECRETS) as recorder:
        for entry in entries(said):
            recorder.record(journal.decode(journal.encode(entry)))
        kept = recorder.journal()
    # It was told of the remark, too.
    seen = [it for it in told if not isinstance(it, journal.StageRemark)]
    assert masked(seen, SECRETS).entries == kept.entries


def test_a_coded_body_with_a_secret_is_remarked_upon_once() -> None:
    coder = encoder("gzip")
    said = [b"data: a\n\n", b"data: planted-two\n\n", b"data: planted-two\n\n"]
    reads = tuple(coder.compress(it) + coder.flush() for it in said)
    kept = recorded(entries(Said("gzip", tuple(said), reads, is_over=False)), SECRETS)
    remarks = [it.what for it in kept if isinstance(it, journal.StageRemark)]
    assert remarks == ["a secret was masked in a compressed body, which is kept compressed anew"]


def test_of_a_read_in_which_a_coding_breaks_the_beginning_is_looked_at() -> None:
    coder = encoder("gzip")
    coded = coder.compress(b"data: planted-two\n\n") + coder.flush()
    kept = recorded(entries(Said("gzip", (), (coded + b"\x07" * 16,), is_over=False)), SECRETS)
    (read,) = [it for it in kept if isinstance(it, TapRead)]
    assert read.payload.content() != coded + b"\x07" * 16
    assert decoder("gzip").decompress((read.payload.content() or b"")[:-16]) == (
        b"data: ***********\n\n"
    )


def test_where_a_coding_lies_the_bytes_are_looked_through_as_they_stand() -> None:
    reads = (b"data: plan", b"ted-two\n\n")
    kept = recorded(entries(Said("gzip", (), reads, is_over=False)), SECRETS)
    tapped = [it.payload.content() for it in kept if isinstance(it, TapRead)]
    assert tapped == [b"data: ****", b"*******\n\n"]


def test_line_ends_in_a_secret_stay() -> None:
    masker = Masker(Secrets(("one\ntwo",)))
    assert masker.take(b"data: one\ntw") + masker.take(b"o\n") == b"data: ***\n***\n"


def test_what_shows_a_body_as_it_comes_never_shows_the_beginning_of_a_secret() -> None:
    masker = Masker(SECRETS)
    assert masker.take(b"data: planted-tw") == b"data: "
    assert masker.take(b"o\n\ndata: plan") == b"***********\n\ndata: "
    assert masker.rest() == b"plan"


def test_a_secret_that_overlaps_another_or_itself_is_masked_whole() -> None:
    masker = Masker(Secrets(("tetete", "etexx")))
    assert masker.take(b"-tetetete") + masker.take(b"xx-") == b"-**********-"
