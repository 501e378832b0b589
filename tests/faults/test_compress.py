from __future__ import annotations

import random
import string
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import pytest
from pydantic import ValidationError

from harness.faults.base import (
    CaseOver,
    ClientGone,
    CloseUpstream,
    Data,
    End,
    Forward,
    ForwardHead,
    Framing,
    RequestData,
    RequestEnd,
    RequestHead,
    ResponseHead,
    SendData,
    SendEnd,
    SendRequest,
    UpstreamEnd,
)
from harness.faults.coded_head import Etag, Suffix
from harness.faults.compress import Coding, Compress
from harness.units import YAML_CONTEXT
from harness.wire.coding import decoder, encoder
from harness.wire.headers import Headers, values
from tests.testkit.playbook import GET, OK, Playbook, defeated, fired, not_reached

STREAM = ("Content-Type", "text/event-stream")
GZIPPED = replace(OK, headers=(STREAM, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")))


def asked(config: Compress, request: RequestHead = GET) -> Playbook:
    play = Playbook(config).at(0.0)
    assert play >> request << SendRequest(request)
    return play


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_flushed_every_read_can_be_decoded_at_once(coding: Coding) -> None:
    request = replace(GET, headers=(("Accept-Encoding", coding),))
    play = asked(Compress(coding=(coding,), flush=True), request)
    expected, received = encoder(coding), decoder(coding)
    head = replace(OK, headers=(STREAM, ("Content-Encoding", coding), ("Vary", "Accept-Encoding")))
    assert play >> OK << fired(f"{coding}, flushed after every read") << ForwardHead(head)
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        coded = expected.compress(event) + expected.flush()
        assert play >> Data(event) << Forward(coded)
        assert received.decompress(coded) == event
    rest = expected.finish()
    assert play >> UpstreamEnd("end") << Forward(rest) << End("end")
    assert received.decompress(rest) == b""
    assert received.finish()


def test_unflushed_small_events_wait_for_the_end() -> None:
    play = asked(Compress(coding=("gzip",)))
    expected = encoder("gzip")
    first = expected.compress(b"data: 1\n\n")  # the ten bytes of gzip's own head
    assert play >> OK << fired("gzip, never flushed") << ForwardHead(GZIPPED)
    assert play.at(1.0) >> Data(b"data: 1\n\n") << Forward(first)
    assert play.at(2.0) >> Data(b"data: 2\n\n")
    coded = expected.compress(b"data: 2\n\n") + expected.finish()
    assert play.at(9.0) >> UpstreamEnd("end") << Forward(coded) << End("end")
    assert decoder("gzip").decompress(first + coded) == b"data: 1\n\ndata: 2\n\n"


def test_a_truncation_loses_nothing_and_stays_one() -> None:
    play = asked(Compress(coding=("br",)))
    head = replace(GZIPPED, headers=(STREAM, ("Content-Encoding", "br"), GZIPPED.headers[2]))
    assert play >> OK << fired("br, never flushed") << ForwardHead(head)
    assert play >> Data(b"data: 1\n\n")
    expected = encoder("br")
    coded = expected.compress(b"data: 1\n\n") + expected.flush()
    assert play >> UpstreamEnd("truncation") << Forward(coded) << End("truncation")
    received = decoder("br")
    assert received.decompress(coded) == b"data: 1\n\n"
    assert not received.finish()


def forwarded(head: ResponseHead, config: Compress | None = None) -> ResponseHead:
    """The head that goes out for `head` coming in."""
    fault = (config or Compress(coding=("gzip",))).start(lambda: 0.5)
    list(fault.step(0.0, 1, GET))
    actions = [action for _, action in fault.step(0.0, 1, head)]
    assert isinstance(actions[-1], ForwardHead)
    return actions[-1].head


@pytest.mark.parametrize(
    ("given", "name", "become"),
    [
        ((STREAM,), "Vary", ["Accept-Encoding"]),
        (
            (STREAM, ("Vary", "Origin"), ("vary", "Cookie")),
            "Vary",
            ["Origin, Cookie, Accept-Encoding"],
        ),
        ((STREAM, ("Vary", "accept-encoding")), "Vary", ["accept-encoding"]),
        ((STREAM, ("Vary", "*")), "Vary", ["*"]),
        ((STREAM, ("ETag", '"v1"')), "ETag", ['W/"v1"']),
        ((STREAM, ("ETag", 'W/"v1"')), "ETag", ['W/"v1"']),
        ((STREAM, ("Content-Length", "5000")), "Content-Length", []),
        ((STREAM,), "Content-Encoding", ["gzip"]),
    ],
)
def test_the_head_tells_of_the_coding(given: Headers, name: str, become: list[str]) -> None:
    assert values(forwarded(replace(OK, headers=given)).headers, name) == become


@pytest.mark.parametrize(
    ("framing", "become"), [("length", "chunked"), ("close", "close"), ("h2", "h2")]
)
def test_a_length_becomes_chunked(framing: Framing, become: Framing) -> None:
    assert forwarded(replace(OK, framing=framing)).framing == become


@pytest.mark.parametrize(
    ("types", "media", "is_coded"),
    [
        (("text/event-stream",), "text/event-stream; charset=utf-8", True),
        (("text/event-stream",), "text/plain", False),
        (("Text/*",), "text/plain", True),
        (("text/*",), "application/json", False),
        (("*/*",), "application/json", True),
    ],
)
def test_codes_the_types_it_is_told(types: tuple[str, ...], media: str, *, is_coded: bool) -> None:
    head = replace(OK, headers=(("Content-Type", media),))
    coded = forwarded(head, Compress(coding=("gzip",), types=types))
    assert bool(values(coded.headers, "Content-Encoding")) is is_coded


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (("Cache-Control", "no-cache, No-Transform"), "Cache-Control: no-transform"),
        (("Content-Encoding", "br"), "Content-Encoding: br"),
        (("content-encoding", "identity"), "Content-Encoding: identity"),
    ],
)
def test_a_response_header_defeats_it(field: tuple[str, str], reason: str) -> None:
    head = replace(OK, headers=(STREAM, field))
    play = asked(Compress(coding=("gzip",)))
    assert play >> head << defeated(f"{reason} in the response") << ForwardHead(head)
    assert play >> Data(b"a") << Forward(b"a")
    assert play >> UpstreamEnd("end") << End("end")
    assert play >> CaseOver()


def test_no_transform_may_be_ignored() -> None:
    head = replace(OK, headers=(STREAM, ("Cache-Control", "no-transform")))
    coded = forwarded(head, Compress(coding=("gzip",), honours_no_transform=False))
    assert values(coded.headers, "Content-Encoding") == ["gzip"]


@pytest.mark.parametrize(
    ("request_", "head", "reason"),
    [
        (replace(GET, method="HEAD"), OK, "HEAD with status 200"),
        (GET, replace(OK, status=204), "GET with status 204"),
        (GET, replace(OK, status=206), "GET with status 206"),
        (GET, replace(OK, status=304), "GET with status 304"),
        (GET, replace(OK, headers=()), "no content type is not among text/event-stream"),
        (
            GET,
            replace(OK, headers=(STREAM, ("Content-Length", "99"))),
            "content-length 99 of 100",
        ),
        (replace(GET, headers=()), OK, "the client accepts nothing"),
        (
            replace(GET, headers=(("Accept-Encoding", "identity"),)),
            OK,
            "the client accepts identity",
        ),
    ],
)
def test_leaves_alone(request_: RequestHead, head: ResponseHead, reason: str) -> None:
    play = asked(Compress(coding=("gzip",), min_length_bytes=100), request_)
    assert play >> head << not_reached(reason) << ForwardHead(head)
    assert play >> Data(b"a") << Forward(b"a")


def test_a_response_of_the_least_length_is_coded() -> None:
    head = replace(OK, headers=(STREAM, ("Content-Length", "100")), framing="length")
    coded = forwarded(head, Compress(coding=("gzip",), min_length_bytes=100))
    assert values(coded.headers, "Content-Encoding") == ["gzip"]


def test_passes_the_request_and_a_leaving_client() -> None:
    play = asked(Compress(coding=("gzip",)))
    assert play >> RequestData(b"q") << SendData(b"q")
    assert play >> RequestEnd() << SendEnd()
    assert play >> ClientGone("rst") << not_reached("no response head came") << CloseUpstream("rst")


@pytest.mark.parametrize(
    ("setting", "codings"), [("br", ("br",)), (["zstd", "br"], ("zstd", "br"))]
)
def test_takes_one_coding_or_several(setting: object, codings: tuple[str, ...]) -> None:
    assert Compress.model_validate({"coding": setting}).coding == codings


# -- what products do to the head ------------------------------------------------------------------

TAGGED = replace(OK, headers=(STREAM, ("ETag", '"abc"'), ("Accept-Ranges", "bytes")))
WEAK = replace(OK, headers=(STREAM, ("ETag", 'W/"abc"')))


@pytest.mark.parametrize(
    ("etag", "head", "become"),
    [
        ("weak", TAGGED, ['W/"abc"']),
        ("keep", TAGGED, ['"abc"']),
        ("drop", TAGGED, []),
        ("drop", WEAK, ['W/"abc"']),
        (Suffix(suffix="-gzip"), TAGGED, ['"abc-gzip"']),
        (Suffix(suffix="-gzip"), WEAK, ['W/"abc-gzip"']),
        (Suffix(suffix="-gzip"), OK, []),
    ],
)
def test_an_entity_tag_becomes_what_the_product_makes_of_it(
    etag: Etag, head: ResponseHead, become: list[str]
) -> None:
    coded = forwarded(head, Compress(coding=("gzip",), etag=etag))
    assert values(coded.headers, "ETag") == become


@pytest.mark.parametrize(("drops", "become"), [(True, []), (False, ["bytes"])])
def test_ranges_may_be_withdrawn(*, drops: bool, become: list[str]) -> None:
    coded = forwarded(TAGGED, Compress(coding=("gzip",), drop_accept_ranges=drops))
    assert values(coded.headers, "Accept-Ranges") == become


def test_a_response_need_not_vary() -> None:
    coded = forwarded(OK, Compress(coding=("gzip",), vary=False))
    assert values(coded.headers, "Vary") == []


def test_identity_may_count_as_no_coding() -> None:
    head = replace(OK, headers=(STREAM, ("Content-Encoding", "Identity")))
    coded = forwarded(head, Compress(coding=("gzip",), recodes_identity=True))
    assert values(coded.headers, "Content-Encoding") == ["gzip"]


@pytest.mark.parametrize(("prefer", "coding"), [("server", "br"), ("client", "gzip")])
def test_of_equals_the_server_or_the_client_chooses(
    prefer: Literal["server", "client"], coding: str
) -> None:
    coded = forwarded(OK, Compress(coding=("br", "gzip"), prefer=prefer))
    assert values(coded.headers, "Content-Encoding") == [coding]


# -- the first read decides ------------------------------------------------------------------------

BY_FIRST = Compress(coding=("gzip",), flush=True, min_first_bytes=4)


def test_a_short_first_read_leaves_the_response_alone() -> None:
    play = asked(BY_FIRST)
    assert play >> OK  # the head waits
    assert (
        play.at(1.0)
        >> Data(b"abc")
        << defeated("first read of 3B of 4B", offset=3)
        << ForwardHead(OK)
        << Forward(b"abc")
    )
    assert play >> Data(b"defgh") << Forward(b"defgh")
    assert play >> UpstreamEnd("end") << End("end")


def test_a_long_one_does_not() -> None:
    play = asked(BY_FIRST)
    expected = encoder("gzip")
    coded = expected.compress(b"abcd") + expected.flush()
    assert play >> OK
    assert (
        play.at(1.0)
        >> Data(b"abcd")
        << fired("gzip, flushed after every read", offset=4)
        << ForwardHead(GZIPPED)
        << Forward(coded)
    )


def test_an_empty_body_lets_the_head_go() -> None:
    play = asked(BY_FIRST)
    assert play >> OK
    reason = "first read of 0B of 4B"
    assert play >> UpstreamEnd("end") << not_reached(reason) << ForwardHead(OK) << End("end")


def test_a_head_that_waits_may_never_go() -> None:
    play = asked(BY_FIRST)
    assert play >> OK
    assert play >> ClientGone("fin") << not_reached("no body byte came") << CloseUpstream("fin")


# -- blocks ----------------------------------------------------------------------------------------


def random_events() -> Iterator[bytes]:
    """120 events of 1000 bytes with nothing in them to find again."""
    draw = random.Random(1)
    alphabet = string.ascii_letters + string.digits + "+/"
    for number in range(120):
        start = f"id: {number}\ndata: "
        text = "".join(draw.choices(alphabet, k=1000 - len(start) - 2))
        yield f"{start}{text}\n\n".encode()


BLOCKS = Compress(coding=("gzip",), block_bytes=16)
NEVER_FLUSHED = fired("gzip, never flushed")


def test_the_head_and_coded_bytes_wait_for_a_full_block() -> None:
    play = asked(BLOCKS)
    expected = encoder("gzip")
    texts = [random.Random(1).randbytes(50_000), b"data: 2\n\n"]
    coded = expected.compress(texts[0])
    whole = len(coded) // 16 * 16
    assert play >> OK << NEVER_FLUSHED
    sent = play >> Data(texts[0]) << ForwardHead(GZIPPED)
    for at in range(0, whole, 16):
        sent = sent << Forward(coded[at : at + 16])
    assert sent
    coded += expected.compress(texts[1]) + expected.finish()
    assert play >> Data(texts[1])
    assert play >> UpstreamEnd("end") << Forward(coded[whole:]) << End("end")
    assert decoder("gzip").decompress(coded) == b"".join(texts)


@pytest.mark.parametrize("how", ["truncation", "reset"])
def test_an_end_lets_the_head_go_whatever_is_lost(how: Literal["truncation", "reset"]) -> None:
    play = asked(BLOCKS)
    assert play >> OK << NEVER_FLUSHED
    assert play >> Data(b"data: 1\n\n")
    lost = UpstreamEnd(how, is_dropping=True)
    assert play >> lost << ForwardHead(GZIPPED) << End(how, is_dropping=True)


@pytest.mark.skipif(hasattr(zlib, "ZLIBNG_VERSION"), reason="zlib-ng gathers otherwise")
@pytest.mark.parametrize(
    ("config", "first", "blocks"),
    [
        # Seen through nginx 1.22 with gzip: 16.4 kB first, then 16.2 and 21.6 kB in turns.
        (Compress(coding=("gzip",), level=1, block_bytes=4096), 16_400, (16_200, 21_600)),
        # Seen through the npm package compression 1.8: 17.0 and then 17.1 kB.
        (Compress(coding=("gzip",)), 17_000, (17_100,)),
    ],
)
def test_random_text_comes_in_blocks_as_real_ones_send_them(
    config: Compress, first: int, blocks: tuple[int, ...]
) -> None:
    fault = config.start(lambda: 0.5)
    for event in (GET, RequestEnd(), OK):
        list(fault.step(0.0, 1, event))
    received = decoder("gzip")
    sizes = []
    for text in random_events():
        sent = [it.data for _, it in fault.step(0.0, 1, Data(text)) if isinstance(it, Forward)]
        if size := len(received.decompress(b"".join(sent))):
            sizes.append(size)
    # A byte of coded text more or less makes a few of plain text.
    assert sizes[0] == pytest.approx(first, rel=0.05)
    assert all(any(it == pytest.approx(block, rel=0.05) for block in blocks) for it in sizes[1:])
    assert len(sizes) >= 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"coding": "gzip", "level": 0}, "expected a level of gzip, 1 to 9, got 0"),
        ({"coding": ["br", "gzip"], "level": 11}, "expected a level of gzip, 1 to 9, got 11"),
        ({"coding": "gzip", "etag": "strong"}, "etag"),
        ({"coding": "gzip", "etag": {}}, "suffix"),
        ({"coding": "gzip", "prefer": "br"}, "'server' or 'client'"),
        ({"coding": "gzip", "block": "4KiB", "flush": True}, "expected flush or block, not both"),
        ({"coding": "gzip", "block": "0B"}, "greater than 0"),
    ],
)
def test_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Compress.model_validate(settings, context=YAML_CONTEXT)
