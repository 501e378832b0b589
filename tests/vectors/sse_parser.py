"""Event streams as data: what a parser that follows the standard tells of each.

Every rule is of the WHATWG HTML standard, "Server-sent events"; `section` names its anchor there.
An id never changes its meaning. `told` leaves out offsets: those follow from the stream.
"""

from dataclasses import dataclass
from itertools import product

STANDARD = "https://html.spec.whatwg.org/multipage/server-sent-events.html"

PARSING = "parsing-an-event-stream"
INTERPRETATION = "event-stream-interpretation"

# ("event", type, data, last event id) · ("comment", text) · ("retry", milliseconds)
# ("empty" or "unterminated", every field name of the block)
type Told = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vector:
    """A stream from its first byte to its last, and what is to be told of it."""

    id: str
    section: str
    stream: bytes
    told: tuple[Told, ...]
    last_event_id: str = ""  # what a reconnect after this stream sends


def event(data: str, last_event_id: str = "", *, kind: str = "message") -> Told:
    return ("event", kind, data, last_event_id)


def comment(text: str) -> Told:
    return ("comment", text)


def retry(ms: int) -> Told:
    return ("retry", str(ms))


def empty(*fields: str) -> Told:
    return ("empty", *fields)


def unterminated(*fields: str) -> Told:
    return ("unterminated", *fields)


CHUNKING = (
    Vector(
        "chunking/two-events-in-one-read",
        PARSING,
        b"data: first\n\ndata: second\n\n",
        (event("first"), event("second")),
    ),
    Vector(
        "chunking/hundred-events-keep-their-order",
        PARSING,
        b"".join(b"id: %d\ndata: n=%d\n\n" % (n, n * n) for n in range(100)),
        tuple(event(f"n={n * n}", str(n)) for n in range(100)),
        last_event_id="99",
    ),
    Vector(
        "chunking/characters-of-two-three-and-four-bytes",
        PARSING,
        "data: ø — 🜁\n\n".encode(),
        (event("ø — 🜁"),),
    ),
    Vector(
        "chunking/every-field-of-one-event",
        INTERPRETATION,
        b": opening\nid: a7\nevent: price\nretry: 250\ndata: 1\ndata: 2\n\n",
        (comment("opening"), retry(250), event("1\n2", "a7", kind="price")),
        last_event_id="a7",
    ),
    Vector("chunking/no-bytes-at-all", PARSING, b"", ()),
)

_LINE_ENDS = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}
_SHAPES: dict[str, tuple[bytes, tuple[Told, ...]]] = {
    "one-line": (b"data: a|data: z||", (event("a\nz"),)),
    "two-events": (b"data: a||data: z||", (event("a"), event("z"))),
    "empty-first-line": (b"data|data: z||", (event("\nz"),)),
    "empty-middle-line": (b"data: a|data:|data: z||", (event("a\n\nz"),)),
    "empty-last-line": (b"data: a|data||", (event("a\n"),)),
    "blank-line-first": (b"|data: a||", (event("a"),)),
    "one-extra-blank-line": (b"data: a|||data: z||", (event("a"), event("z"))),
    "two-extra-blank-lines": (b"data: a||||data: z||", (event("a"), event("z"))),
    "no-line-end-behind-the-last-line": (
        b"data: a||data: z|data: lost",
        (event("a"), unterminated("data")),
    ),
}

LINE_ENDS = (
    *(
        Vector(f"line-ends/{end}/{shape}", PARSING, stream.replace(b"|", _LINE_ENDS[end]), told)
        for end, (shape, (stream, told)) in product(_LINE_ENDS, _SHAPES.items())
    ),
    Vector(
        "line-ends/mixed-in-one-event",
        PARSING,
        b"data: a\rdata: b\ndata: c\r\ndata: d\r\n\r\n",
        (event("a\nb\nc\nd"),),
    ),
    Vector(
        "line-ends/lf-cr-is-a-line-end-and-a-blank-line",
        PARSING,
        b"data: a\n\rdata: z\n\r",
        (event("a"), event("z")),
    ),
    Vector(
        "line-ends/cr-then-crlf-is-a-line-end-and-a-blank-line",
        PARSING,
        b"data: a\r\r\ndata: z\r\r\n",
        (event("a"), event("z")),
    ),
    Vector(
        "line-ends/a-cr-at-the-very-end-dispatches",
        PARSING,
        b"data: a\r\n\r",
        (event("a"),),
    ),
    Vector(
        # U+0085, U+2028, U+2029, vertical tab, form feed and file separator end lines elsewhere.
        "line-ends/nothing-else-ends-a-line",
        PARSING,
        "data: a\u0085b\u2028c\u2029d\x0be\x0cf\x1cg\n\n".encode(),
        (event("a\u0085b\u2028c\u2029d\x0be\x0cf\x1cg"),),
    ),
)

BOM = (
    Vector(
        "bom/one-is-dropped-at-the-start",
        PARSING,
        b"\xef\xbb\xbfdata: a\n\n",
        (event("a"),),
    ),
    Vector(
        "bom/a-second-one-spoils-the-first-name",
        PARSING,
        b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: z\n\n",
        (empty("\ufeffdata"), event("z")),
    ),
    Vector(
        "bom/in-mid-stream-it-spoils-a-name",
        PARSING,
        b"data: a\n\n\xef\xbb\xbfdata: b\n\ndata: z\n\n",
        (event("a"), empty("\ufeffdata"), event("z")),
    ),
    Vector(
        "bom/behind-a-blank-line-it-spoils-a-name",
        PARSING,
        b"\n\xef\xbb\xbfdata: a\n\n",
        (empty("\ufeffdata"),),
    ),
    Vector(
        "bom/inside-data-it-is-a-character",
        PARSING,
        b"data: \xef\xbb\xbfa\n\n",
        (event("\ufeffa"),),
    ),
    Vector("bom/alone-it-is-an-empty-stream", PARSING, b"\xef\xbb\xbf", ()),
    Vector(
        "bom/two-bytes-of-one-are-a-line-cut-short",
        PARSING,
        b"\xef\xbb",
        (unterminated(),),
    ),
    Vector(
        "bom/two-bytes-of-one-spoil-a-name",
        PARSING,
        b"\xef\xbbdata: a\n\n",
        (empty("\ufffddata"),),
    ),
    Vector(
        "bom/of-utf-16-it-is-two-wrong-bytes",
        PARSING,
        b"\xff\xfedata: a\n\n",
        (empty("\ufffd\ufffddata"),),
    ),
)

COMMENTS = (
    Vector("comments/alone", PARSING, b": hb\n\n", (comment("hb"),)),
    Vector(
        "comments/many-dispatch-nothing",
        INTERPRETATION,
        b":\n\n" * 3 + b":\n" * 2,
        (comment(""),) * 5,
    ),
    Vector(
        "comments/before-inside-and-after-the-fields",
        INTERPRETATION,
        b":1\ndata: a\n:2\ndata: b\n:3\n\n:4\n",
        (comment("1"), comment("2"), comment("3"), event("a\nb"), comment("4")),
    ),
    Vector(
        "comments/that-look-like-fields",
        INTERPRETATION,
        b":data: a\n:id: 1\n: retry: 5\n\n",
        (comment("data: a"), comment("id: 1"), comment("retry: 5")),
    ),
    Vector(
        "comments/two-kibibytes",
        PARSING,
        b":" + b"p" * 2048 + b"\ndata: a\n\n",
        (comment("p" * 2048), event("a")),
    ),
    Vector(
        "comments/with-nul",
        PARSING,
        b": a\0b\ndata: z\n\n",
        (comment("a\0b"), event("z")),
    ),
    Vector(
        "comments/a-leading-space-makes-a-field-of-it",
        INTERPRETATION,
        b" : a\n\n",
        (empty(" "),),
    ),
    Vector(
        "comments/cut-short",
        INTERPRETATION,
        b": whole\n: cut sho",
        (comment("whole"), unterminated()),
    ),
)

DATA = (
    Vector(
        "data/lines-are-joined-by-lf",
        INTERPRETATION,
        b"data: a\ndata: b\ndata: c\n\n",
        (event("a\nb\nc"),),
    ),
    Vector("data/without-a-colon-is-an-empty-line", INTERPRETATION, b"data\n\n", (event(""),)),
    Vector("data/with-a-colon-only-is-an-empty-line", INTERPRETATION, b"data:\n\n", (event(""),)),
    Vector(
        "data/two-empty-lines-are-one-lf",
        INTERPRETATION,
        b"data\ndata:\n\n",
        (event("\n"),),
    ),
    Vector(
        "data/one-space-behind-the-colon-is-dropped",
        INTERPRETATION,
        b"data:a\ndata: b\ndata:  c\ndata:\td\n\n",
        (event("a\nb\n c\n\td"),),
    ),
    Vector(
        "data/spaces-only",
        INTERPRETATION,
        b"data: \n\ndata:  \n\n",
        (event(""), event(" ")),
    ),
    Vector(
        "data/only-the-first-colon-parts",
        INTERPRETATION,
        b"data: a: b\ndata:::\n\n",
        (event("a: b\n::"),),
    ),
    Vector(
        "data/unterminated-is-dropped",
        INTERPRETATION,
        b"data: a\n\ndata: lost\n",
        (event("a"), unterminated("data")),
    ),
    Vector(
        "data/cut-in-its-line-is-dropped",
        INTERPRETATION,
        b"data: a\n\ndata: lo",
        (event("a"), unterminated()),
    ),
    Vector(
        "data/unterminated-does-not-move-the-id",
        INTERPRETATION,
        b"id: 1\ndata: a\n\nid: 2\ndata: lost\n",
        (event("a", "1"), unterminated("data", "id")),
        last_event_id="1",
    ),
    Vector(
        "data/names-are-case-sensitive",
        INTERPRETATION,
        b"Data: a\nDATA: b\n\n",
        (empty("Data", "DATA"),),
    ),
    Vector("data/nul-is-kept", INTERPRETATION, b"data: a\0b\n\n", (event("a\0b"),)),
    Vector(
        "data/large",
        PARSING,
        b"data: " + b"0123456789abcdef" * 4096 + b"\n\n",
        (event("0123456789abcdef" * 4096),),
    ),
)

EVENT = (
    Vector(
        "event/names-the-type",
        INTERPRETATION,
        b"event: price\ndata: a\n\n",
        (event("a", kind="price"),),
    ),
    Vector(
        "event/holds-for-one-event",
        INTERPRETATION,
        b"event: price\ndata: a\n\ndata: z\n\n",
        (event("a", kind="price"), event("z")),
    ),
    Vector(
        "event/the-last-one-counts",
        INTERPRETATION,
        b"event: x\ndata: a\nevent: y\n\n",
        (event("a", kind="y"),),
    ),
    Vector(
        "event/empty-is-message",
        INTERPRETATION,
        b"event: x\nevent:\ndata: a\n\nevent\ndata: z\n\n",
        (event("a"), event("z")),
    ),
    Vector(
        "event/alone-dispatches-nothing-and-is-forgotten",
        INTERPRETATION,
        b"event: price\n\ndata: a\n\n",
        (empty("event"), event("a")),
    ),
    Vector(
        "event/one-space-is-dropped",
        INTERPRETATION,
        b"event:  two words \ndata: a\n\n",
        (event("a", kind=" two words "),),
    ),
    Vector(
        "event/any-character-but-a-line-end",
        INTERPRETATION,
        "event: größe\0:🜁\ndata: a\n\n".encode(),
        (event("a", kind="größe\0:🜁"),),
    ),
    Vector(
        "event/a-name-with-nul-or-space-or-capital-is-another",
        INTERPRETATION,
        b"event\0: x\n event: y\nEvent: z\nevent : w\ndata: a\n\n",
        (event("a"),),
    ),
)

ID = (
    Vector(
        "id/holds-until-the-next",
        INTERPRETATION,
        b"id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n",
        (event("a", "1"), event("b", "1"), event("c", "2")),
        last_event_id="2",
    ),
    Vector(
        "id/reset-by-an-empty-value",
        INTERPRETATION,
        b"id: 1\ndata: a\n\nid:\ndata: z\n\n",
        (event("a", "1"), event("z")),
    ),
    Vector(
        "id/reset-without-a-colon",
        INTERPRETATION,
        b"id: 1\ndata: a\n\nid\ndata: z\n\n",
        (event("a", "1"), event("z")),
    ),
    Vector(
        "id/ignored-with-nul",
        INTERPRETATION,
        b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\nid:\0\ndata: z\n\n",
        (event("a", "1"), event("b", "1"), event("z", "1")),
        last_event_id="1",
    ),
    Vector(
        "id/with-nul-leaves-the-one-before-it",
        INTERPRETATION,
        b"id: 1\nid: \0\ndata: a\n\n",
        (event("a", "1"),),
        last_event_id="1",
    ),
    Vector(
        "id/without-data-is-taken-at-the-blank-line",
        INTERPRETATION,
        b"id: 5\n\ndata: a\n\n",
        (empty("id"), event("a", "5")),
        last_event_id="5",
    ),
    Vector(
        "id/behind-the-data-counts-for-the-same-event",
        INTERPRETATION,
        b"data: a\nid: 9\n\n",
        (event("a", "9"),),
        last_event_id="9",
    ),
    Vector(
        "id/before-the-end-of-its-block-is-not-taken",
        INTERPRETATION,
        b"id: 1\n\nid: 2\n",
        (empty("id"), unterminated("id")),
        last_event_id="1",
    ),
    Vector(
        "id/beyond-ascii",
        INTERPRETATION,
        "id: …日本\ndata: a\n\n".encode(),
        (event("a", "…日本"),),
        last_event_id="…日本",
    ),
    Vector(
        "id/one-space-is-dropped",
        INTERPRETATION,
        b"id:  7 \ndata: a\n\n",
        (event("a", " 7 "),),
        last_event_id=" 7 ",
    ),
)

_IGNORED_RETRIES = {
    "letters-behind-it": b"retry: 1000x",
    "minus": b"retry: -5",
    "plus": b"retry: +7",
    "underscore": b"retry: 1_000",
    "point": b"retry: 1.5",
    "empty": b"retry:",
    "without-a-colon": b"retry",
    "space-behind-it": b"retry: 10 ",
    "two-spaces-before-it": b"retry:  10",
    "hexadecimal": b"retry: 0x10",
    "digits-beyond-ascii": "retry: ٣٠٠".encode(),
    "superscript": "retry: 3²".encode(),
    "nul": b"retry: 1\0",
}

RETRY = (
    Vector("retry/alone", INTERPRETATION, b"retry: 3000\n\n", (retry(3000), empty("retry"))),
    Vector(
        "retry/without-a-space",
        INTERPRETATION,
        b"retry:30\ndata: a\n\n",
        (retry(30), event("a")),
    ),
    Vector(
        "retry/leading-zeros-are-decimal",
        INTERPRETATION,
        b"retry: 0010\nretry: 0\n\n",
        (retry(10), retry(0), empty("retry")),
    ),
    Vector(
        "retry/needs-no-blank-line",
        INTERPRETATION,
        b"retry: 77\n",
        (retry(77), unterminated("retry")),
    ),
    Vector(
        "retry/every-one-counts-in-turn",
        INTERPRETATION,
        b"retry: 1\ndata: a\nretry: 2\n\n",
        (retry(1), retry(2), event("a")),
    ),
    *(
        Vector(
            f"retry/ignored/{name}",
            INTERPRETATION,
            b"retry: 500\n" + line + b"\ndata: a\n\n",
            (retry(500), event("a")),
        )
        for name, line in _IGNORED_RETRIES.items()
    ),
)

UTF_8 = (
    Vector(
        "utf-8/each-wrong-byte-is-replaced",
        PARSING,
        b"data: a\xffb\xc0\xafc\n\n",
        (event("a\ufffdb\ufffd\ufffdc"),),
    ),
    Vector(
        "utf-8/a-character-broken-off-is-replaced-once",
        PARSING,
        b"data: \xf0\x9f\x9c!\ndata: \xe2\x82\ndata: z\n\n",
        (event("\ufffd!\n\ufffd\nz"),),
    ),
    Vector(
        "utf-8/surrogates-are-three-wrong-bytes",
        PARSING,
        b"data: \xed\xa0\x80\n\n",
        (event("\ufffd\ufffd\ufffd"),),
    ),
    Vector(
        "utf-8/overlong-line-ends-are-no-line-ends",
        PARSING,
        b"data: a\xc0\x8ab\n\n",
        (event("a\ufffd\ufffdb"),),
    ),
    Vector(
        "utf-8/latin-1-is-not-guessed",
        PARSING,
        b"data: caf\xe9\n\n",
        (event("caf\ufffd"),),
    ),
    Vector(
        "utf-8/wrong-bytes-in-id-and-type",
        PARSING,
        b"id: \xff\nevent: \xfe\ndata: a\n\n",
        (event("a", "\ufffd", kind="\ufffd"),),
        last_event_id="\ufffd",
    ),
)

UNKNOWN = (
    Vector(
        "unknown/fields-are-ignored",
        INTERPRETATION,
        b"colour: red\ndata: a\ndatas: x\ndat: y\ncolour\n\n",
        (event("a"),),
    ),
    Vector(
        "unknown/alone-they-dispatch-nothing",
        INTERPRETATION,
        b"colour: red\nid: 3\n\n",
        (empty("id", "colour"),),
        last_event_id="3",
    ),
    Vector(
        "unknown/raw-json-is-no-event",
        INTERPRETATION,
        b'{"n": 1}\n\n{"n": 2}\n\n',
        (empty('{"n"'), empty('{"n"')),
    ),
    Vector(
        "unknown/a-raw-line-end-inside-json-loses-the-rest",
        INTERPRETATION,
        b'data: {"text": "one\ntwo"}\n\n',
        (event('{"text": "one'),),
    ),
    Vector(
        "unknown/lines-without-a-blank-line",
        INTERPRETATION,
        b"<html>\n<body>\nno stream\n",
        (unterminated("<html>", "<body>", "no stream"),),
    ),
    Vector(
        "unknown/a-name-of-one-space",
        INTERPRETATION,
        b" data: a\n\n",
        (empty(" data"),),
    ),
)

VECTORS = (
    *CHUNKING,
    *LINE_ENDS,
    *BOM,
    *COMMENTS,
    *DATA,
    *EVENT,
    *ID,
    *RETRY,
    *UTF_8,
    *UNKNOWN,
)
