from __future__ import annotations

import hashlib

from harness.model import journal
from harness.model.redaction import STRUCK
from tests.ends.tapped import Show, Step, meet

GET = b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ABC = b"3\r\nabc\r\n"
LAST = b"0\r\n\r\n"


def relayed(client: list[Step], hop: list[Step], *, refuses: bool = False) -> Show:
    return meet((client, hop), hop=2, refuses=refuses)


def test_what_passes_between_two_hops_is_noted_and_passes_unchanged() -> None:
    show = relayed([GET], [CHUNKED, ABC, 1.0, b"2\r\nde\r\n", LAST, "close"])
    assert show.target.data == GET
    assert show.client.data == CHUNKED + ABC + b"2\r\nde\r\n" + LAST
    down, up, *entries = show.entries
    for link, side in ((down, "down"), (up, "up")):
        assert isinstance(link, journal.Link)
        assert (link.at, link.number, link.x, link.side) == ("relay", 2, 1, side)
    digests = [hashlib.blake2b(it, digest_size=8).hexdigest() for it in (b"abc", b"abcde")]
    assert entries == [
        journal.RelayRequest(
            hop=2, x=1, method="GET", target="/events", version="HTTP/1.1", headers=(("Host", "h"),)
        ),
        journal.RelayHead(
            hop=2,
            x=1,
            status=200,
            version="HTTP/1.1",
            framing="chunked",
            headers=(("Transfer-Encoding", "chunked"),),
        ),
        journal.RelayRead(hop=2, x=1, offset=0, size=3, digest=digests[0]),
        journal.RelayRead(t_s=1.0, hop=2, x=1, offset=3, size=2, digest=digests[1]),
        journal.RelayEnd(t_s=1.0, hop=2, x=1, by="upstream", how="end"),
    ]


def test_each_exchange_of_a_connection_has_its_own_hash() -> None:
    show = relayed([GET, 1.0, GET, 1.0, "close"], [2 * (CHUNKED + ABC + LAST)])
    reads = show.of(journal.RelayRead)
    assert [(it.x, it.offset) for it in reads] == [(1, 0), (2, 0)]
    assert len({it.digest for it in reads}) == 1


def test_who_ends_it_is_told_apart() -> None:
    cut = relayed([GET], [CHUNKED, ABC, "rst"])
    assert cut.lines[-1] == "0 reset 1 by upstream"
    assert cut.client.gone == "rst"
    left = relayed([GET, 1.0, "rst"], [CHUNKED])
    assert left.lines[-1] == "1 rst 1 by downstream"
    assert left.target.gone == "rst"


def test_a_hop_that_is_not_there_is_told_with_the_request() -> None:
    show = relayed([GET], [], refuses=True)
    assert show.lines == ["0 GET 1", "0 refused 1 by upstream"]


def test_no_secret_is_kept() -> None:
    request = b"GET /?token=s3cret HTTP/1.1\r\nHost: h\r\nCookie: s3cret\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: s3cret\r\nContent-Length: 6\r\n\r\ns3cret"
    show = relayed([request, 1.0, "close"], [answer])
    assert (show.target.data, show.client.data) == (request, answer)
    assert b"s3cret" not in b"".join(journal.encode(it) for it in show.entries)
    [asked] = show.of(journal.RelayRequest)
    assert asked.target == f"/?token={STRUCK}"
