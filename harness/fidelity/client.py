"""The probing client of the measurements, as the replay driver's `Asked`.

It sends Host, User-Agent, Accept, Cache-Control, Accept-Encoding, Last-Event-ID and Referer, less
and other as the probe says. It leaves as soon as it has seen two events, or a second after the
request when there is no head. Where several clients ask for one resource, the second one comes
after a second and the third when the others are done.
"""

from __future__ import annotations

from harness.faults.base import GoneHow
from harness.fidelity.record import Ask
from harness.hops.observed import Asked
from harness.wire.headers import Headers

_FIELDS = (
    ("Host", "x.test"),
    ("User-Agent", "probe/1"),
    ("Accept", "text/event-stream"),
    ("Cache-Control", "no-cache"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Last-Event-ID", "41"),
    ("Referer", "http://x.test/"),
)
_SECOND_S = 1.0
# The client left on seeing an event, which in simulation comes a little later or earlier.
_SEES_S = 0.02


def fields(ask: Ask) -> Headers:
    """The request's fields."""
    put = dict(ask.put)
    own = [(name, put.pop(name, value)) for name, value in _FIELDS if name not in ask.drop]
    return (*own, *put.items())


def requests(ask: Ask) -> list[Asked]:
    """Every request that the probe makes."""
    how: GoneHow = "rst" if ask.leaves == "rst" else "fin"
    if ask.http == "2":
        how = "cancel"
    gone_s = ask.left_s + _SEES_S if ask.leaves and ask.left_s is not None else None
    starts_s = (0.0, _SECOND_S, ask.third_s) if ask.third_s else (0.0,)
    return [
        Asked(
            client=number,
            x=1,
            t_s=start_s,
            method="GET",
            target="/sse",
            headers=fields(ask),
            gone_s=gone_s,
            gone_how=how,
            reads_on=ask.leaves == "half",
            version="HTTP/2" if ask.http == "2" else f"HTTP/{ask.http}",
        )
        for number, start_s in enumerate(starts_s, 1)
    ]
