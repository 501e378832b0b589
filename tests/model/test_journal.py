"""The journal: what is written is read back, and nothing else is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import journal
from harness.model.journal import CaseEntry, Entry, Journal, Payload
from tests.model.entries import CASE, ENTRIES, KINDS

SETTINGS = settings(max_examples=50, deadline=None, derandomize=True)


def kind_of(entry: Entry) -> str:
    return str(journal.fields(entry)["kind"])


# -- one entry -------------------------------------------------------------------------------------


def test_the_table_has_one_of_each_kind() -> None:
    assert [type(it) for it in ENTRIES] == list(KINDS)


@pytest.mark.parametrize("entry", ENTRIES, ids=kind_of)
def test_the_table_sets_every_field(entry: Entry) -> None:
    defaults = {
        it.encode_name: it.default
        for it in msgspec.structs.fields(entry)
        if it.default is not msgspec.NODEFAULT
    }
    unset = [name for name, default in defaults.items() if getattr(entry, name) == default]
    assert unset == []


def test_no_two_kinds_have_one_name() -> None:
    assert len({kind_of(entry) for entry in ENTRIES}) == len(KINDS)


@pytest.mark.parametrize("entry", ENTRIES, ids=kind_of)
def test_an_entry_is_read_back_as_it_was_written(entry: Entry) -> None:
    line = journal.encode(entry)
    again = journal.decode(line)
    assert (type(again), again) == (type(entry), entry)
    assert journal.encode(again) == line


@pytest.mark.parametrize("entry", ENTRIES, ids=kind_of)
def test_an_entry_is_one_line_of_json_that_begins_with_its_kind(entry: Entry) -> None:
    line = journal.encode(entry)
    assert line.splitlines() == [line]
    assert next(iter(json.loads(line))) == "kind"
    assert json.loads(line).keys() == journal.fields(entry).keys()


def test_what_has_its_default_is_not_written() -> None:
    assert journal.encode(journal.StageReady()) == b'{"kind":"stage.ready"}'
    assert journal.encode(journal.StageReady(n=3, t_s=0.5)) == (
        b'{"kind":"stage.ready","n":3,"t_s":0.5}'
    )


def test_the_wire_form_of_an_entry_is_what_others_may_rely_on() -> None:
    entry = journal.ClientRead(
        n=9, t_s=1.25, client=1, x=2, offset=0, size=2, payload=Payload(data=b"a\xff")
    )
    assert json.loads(journal.encode(entry)) == {
        "kind": "client.read",
        "n": 9,
        "t_s": 1.25,
        "client": 1,
        "x": 2,
        "offset": 0,
        "size": 2,
        "payload": {"data": "Yf8="},
    }


@SETTINGS
@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    number=st.floats(0, 1e9).map(lambda it: round(it, 6)),
)
def test_any_text_and_any_time_are_read_back(text: str, number: float) -> None:
    entry = journal.ClientWait(n=1, t_s=number, client=1, delay_s=number, last_event_id=text)
    assert journal.decode(journal.encode(entry)) == entry


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"kind":"client.gone","n":1}', "Invalid value 'client.gone'"),
        (b'{"n":1}', "missing required field `kind`"),
        (b'{"kind":"stage.ready","n":1,"colour":"red"}', "unknown field `colour`"),
        (b'{"kind":"server.gone","n":1}', "missing required field `x`"),
        (b'{"kind":"server.gone","n":1,"x":"2"}', "Expected `int`, got `str`"),
        (b'{"kind":"client.left","n":1,"client":1,"x":1,"by":"train"}', "Invalid enum value"),
        (
            b'{"kind":"tap.read","x":1,"offset":0,"size":0,"payload":{"text":"a"}}',
            "unknown field `text`",
        ),
        (b'{"kind":"stage.ready"', "truncated"),
        (b"[]", "Expected `object`"),
        (b"", "truncated"),
    ],
    ids=[
        "unknown-kind",
        "no-kind",
        "unknown-field",
        "missing-field",
        "another-type",
        "another-value",
        "unknown-field-of-a-payload",
        "half-a-line",
        "no-object",
        "nothing",
    ],
)
def test_what_is_no_entry_is_refused(line: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        journal.decode(line)


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_takes_an_unknown_field(kind: type[Entry]) -> None:
    entry = next(it for it in ENTRIES if type(it) is kind)
    line = json.dumps({**json.loads(journal.encode(entry)), "extra": 1}).encode()
    with pytest.raises(ValueError, match="unknown field `extra`"):
        journal.decode(line)


# -- payloads --------------------------------------------------------------------------------------


@SETTINGS
@given(data=st.binary(max_size=2000) | st.binary(max_size=9).map(lambda it: it * 300))
def test_a_payload_keeps_its_bytes(data: bytes) -> None:
    payload = Payload.of(data)
    assert payload.content() == data
    assert payload.stored_bytes <= len(data)


def test_a_long_payload_that_shrinks_is_packed() -> None:
    payload = Payload.of(b"x" * journal.PACK_FROM_BYTES)
    assert payload.data is None
    assert payload.packed is not None
    assert payload.stored_bytes == len(payload.packed) < 20


@pytest.mark.parametrize(
    "data",
    [
        b"x" * (journal.PACK_FROM_BYTES - 1),
        b"".join(hashlib.sha256(bytes([n])).digest() for n in range(32)),
        b"",
    ],
    ids=["short", "does-not-shrink", "empty"],
)
def test_other_payloads_stay_as_they_are(data: bytes) -> None:
    assert Payload.of(data) == Payload(data=data)


def test_a_clipped_payload_is_its_hash() -> None:
    payload = Payload.clipped(b"gone")
    assert payload.sha256 == hashlib.sha256(b"gone").hexdigest()
    assert payload.content() is None
    assert payload.stored_bytes == 0


@pytest.mark.parametrize(
    "payload",
    [Payload.of(b""), Payload.of(b"abc"), Payload.of(b"x" * 1000), Payload.clipped(b"abc")],
    ids=["empty", "as-it-is", "packed", "clipped"],
)
def test_a_payload_is_read_back_as_it_was_written(payload: Payload) -> None:
    entry = journal.TapRead(n=1, x=1, offset=0, size=3, payload=payload)
    assert journal.decode(journal.encode(entry)) == entry


# -- a whole journal -------------------------------------------------------------------------------


def numbered(entries: Iterable[Entry]) -> list[Entry]:
    return [msgspec.structs.replace(it, n=n) for n, it in enumerate(entries)]


def lines_of(entries: Iterable[Entry]) -> list[bytes]:
    return [journal.encode(it) for it in entries]


def test_a_journal_is_read_back_as_it_was_written() -> None:
    entries = numbered(ENTRIES)
    whole = Journal.read(lines_of(entries))
    assert list(whole) == entries
    assert len(whole) == len(ENTRIES)
    assert [whole[n] for n in range(len(whole))] == entries
    assert whole.case == entries[0]


def test_empty_lines_at_the_end_count_for_nothing() -> None:
    lines = [*lines_of(numbered([CASE, journal.StageReady()])), b"", b"\n"]
    assert len(Journal.read(lines)) == 2


@pytest.mark.parametrize(
    ("last", "expected"),
    [(journal.StageReady(), False), (journal.StageOver(reason="done"), True)],
    ids=["interrupted", "over"],
)
def test_a_journal_is_whole_when_its_case_came_to_its_end(last: Entry, expected: bool) -> None:
    assert Journal(numbered([CASE, last])).is_whole is expected


def test_a_case_alone_is_not_whole() -> None:
    assert not Journal([CASE]).is_whole


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ((1, 2), "journal line 1: entry 1 out of place"),
        ((0, 2), "journal line 2: entry 2 out of place"),
        ((0, 0), "journal line 2: entry 0 out of place"),
        ((0, -1), "journal line 2: entry -1 out of place"),
    ],
    ids=["not-from-0", "one-missing", "one-twice", "no-number"],
)
def test_a_number_out_of_place_is_refused(numbers: tuple[int, int], why: str) -> None:
    first, second = numbers
    lines = lines_of([msgspec.structs.replace(CASE, n=first), journal.StageReady(n=second)])
    with pytest.raises(ValueError, match=why):
        Journal.read(lines)


@pytest.mark.parametrize("entries", [[], [journal.StageReady(n=0)]], ids=["nothing", "no-case"])
def test_a_journal_begins_with_its_case(entries: list[Entry]) -> None:
    with pytest.raises(ValueError, match="a journal begins with its case"):
        Journal.read(lines_of(entries))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"version": 2}, f"journal of {journal.SCHEMA} version 2"),
        ({"version": 2, "mood": "new"}, f"journal of {journal.SCHEMA} version 2"),
        ({"schema": "other/thing"}, "journal of other/thing version 1"),
    ],
    ids=["version", "version-with-new-fields", "schema"],
)
def test_another_schema_is_refused_and_named(change: dict[str, object], found: str) -> None:
    case = {**json.loads(journal.encode(msgspec.structs.replace(CASE, n=0))), **change}
    with pytest.raises(ValueError, match=f"{found}, expected sse-harness/journal version 1"):
        Journal.read([json.dumps(case).encode(), b'{"kind":"not.yet.known","n":1}'])


def test_a_case_without_a_schema_is_refused() -> None:
    case: dict[str, object] = json.loads(journal.encode(msgspec.structs.replace(CASE, n=0)))
    del case["schema"]
    with pytest.raises(ValueError, match="missing required field `schema`"):
        Journal.read([json.dumps(case).encode()])


def test_an_entry_cannot_be_changed() -> None:
    entry = CaseEntry(**msgspec.structs.asdict(CASE))
    with pytest.raises(AttributeError):
        entry.seed = 8  # type: ignore[misc]  # that is the point
