"""Which product stands between two places: by what it does, and what it calls itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from harness.checks.evidence import Evidence
from harness.model.scenario import Target
from harness.survey.cells import Cell
from harness.survey.comparing import Heard
from harness.survey.observation import Observation
from harness.survey.play import NotAskedError, Observed, play
from harness.wire.headers import Headers

# What products write into responses of their own accord, as their documentation and they
# themselves have it: field, pattern of its value, product.
_SIGNS: Final = MappingProxyType(
    {
        "akamai": (("server", r"AkamaiGHost"),),
        "apache": (("server", r"Apache"),),
        "aws-alb": (("server", r"awselb"),),
        "azure-front-door": (("x-azure-ref", r""),),
        "caddy": (("via", r"Caddy"), ("server", r"Caddy")),
        "cloudflare": (("cf-ray", r""), ("server", r"cloudflare")),
        "cloudfront": (("x-amz-cf-id", r""), ("via", r"CloudFront")),
        "envoy": (("server", r"envoy"), ("x-envoy-upstream-service-time", r"")),
        "fastly": (("x-served-by", r"cache-"),),
        "fly": (("fly-request-id", r""), ("server", r"Fly/")),
        "gcp-load-balancer": (("via", r"1\.1 google"),),
        "heroku": (("via", r"vegur|heroku"),),
        "iis-arr": (("x-powered-by", r"ARR/"), ("server", r"Microsoft-IIS")),
        "istio": (("server", r"istio-envoy"),),
        "kong": (("via", r"kong"), ("x-kong-proxy-latency", r"")),
        "lighttpd": (("server", r"lighttpd"),),
        "nghttpx": (("server", r"nghttpx"), ("via", r"nghttpx")),
        "nginx": (("server", r"nginx|openresty"),),
        "squid": (("via", r"squid"), ("server", r"squid")),
        "trafficserver": (("via", r"ApacheTrafficServer"), ("server", r"ATS/")),
        "varnish": (("x-varnish", r""), ("via", r"varnish")),
        "vercel": (("x-vercel-id", r""),),
    }
)
# A time that agrees by this much, or this part of it, is the same limit.
_CLOSE_S = 1.5
_ARRIVAL_S = 0.5
_CLOSE = 0.05
_PAST_S = 2.0
_SIGN, _END, _TIME, _ARRIVALS, _CODING, _FIELD = 4.0, 2.0, 3.0, 2.0, 1.0, 1.0
_MOST_FIELDS = 2
# What anybody has, and what `_SIGNS` is about.
_OF_ANYBODY = frozenset({"connection", "date", "keep-alive", "server", "transfer-encoding", "via"})
# What is told, and what is told beside the best.
_LEAST = 3.0
_MOST = 3


@dataclass(frozen=True)
class Likeness:
    """How much a product looks like what was seen.

    Attributes:
        name: The product.
        score: The more, the more.
        why: In what.
    """

    name: str
    score: float
    why: tuple[str, ...]


def likenesses(
    up: Observed, down: Observation, cells: Iterable[Cell], seed: int
) -> tuple[Likeness, ...]:
    """The products that look most like what stands between, the likest first.

    Args:
        up: What was seen at the place nearer the target.
        down: What was seen at the place nearer the client.
        cells: The products.
        seed: Decides what is random.
    """
    found = [_likeness(up, down, cell, seed) for cell in cells]
    told = sorted((it for it in found if it.score >= _LEAST), key=lambda it: -it.score)
    return tuple(it for it in told if it.score >= told[0].score - 1.0)[:_MOST]


def signs(up: Observation, down: Observation) -> dict[str, str]:
    """The products that have signed a response between two places, with what they wrote."""
    there, here = Heard(up), Heard(down)
    out: dict[str, str] = {}
    for name, fields in _SIGNS.items():
        for field, pattern in fields:
            said = here.has(field)
            if said and said != there.has(field) and re.search(pattern, said, re.IGNORECASE):
                out.setdefault(name, f"{field}: {said}")
    return out


def _likeness(up: Observed, down: Observation, cell: Cell, seed: int) -> Likeness:
    heard = Heard(down)
    why: list[str] = []
    score = 0.0
    sign = signs(up.first, down).get(cell.name)
    if sign is not None:
        score += _SIGN
        why.append(sign)
    # Past what was seen: another answer of the same target may take a moment longer.
    until_s = max(heard.long_s, Heard(up.first).long_s if up.first.is_over else 0.0) + _PAST_S
    try:
        played = play(cell, up, Target(url=""), {}, seed, until_s)
    except NotAskedError:
        return Likeness(cell.name, score, tuple(why))
    (attempt,) = Evidence.of(played.entries).attempts
    end = None if attempt.is_open else attempt.end.how if attempt.end else None
    if attempt.status != down.said.status:
        return Likeness(cell.name, score - _END, tuple(why))
    if end == down.said.end:
        score += _END if end not in {None, up.first.said.end} else 0.0
        if (
            end is not None
            and end != up.first.said.end
            and _is_close(attempt.ended_s, heard.long_s)
        ):
            score += _TIME
            why.append(f"{end} at that time")
    else:
        score -= _END
    if down.said.status != up.first.said.status:
        head_s = attempt.head.t_s if attempt.head is not None else 0.0
        if _is_close(head_s, down.said.head_s):
            score += _TIME
            why.append(f"{down.said.status} at that time")
    mine = [it.t_s for it in attempt.stream.events]
    score += _alike(mine, heard, Heard(up.first), why)
    if attempt.head is not None:
        told = _added(up.first.said.headers, attempt.head.headers)
        added = sorted(told & _added(up.first.said.headers, down.said.headers))
        score += _FIELD * len(added[:_MOST_FIELDS])
        why += [f"adds {name}" for name in added[:_MOST_FIELDS]]
    if down.codings != up.first.codings and attempt.stream.codings == down.codings:
        score += _CODING
        why.append("the same coding")
    return Likeness(cell.name, score, tuple(why))


def _added(there: Headers, here: Headers) -> set[str]:
    """The fields that one place has and the other has not, and that say anything."""
    known = {name.lower() for name, _ in there} | _OF_ANYBODY
    return {name.lower() for name, _ in here} - known


def _alike(mine_s: list[float], heard: Heard, up: Heard, why: list[str]) -> float:
    """Whether events come as they were seen to: all at the end, or one by one."""
    theirs_s = heard.events_s
    if bool(mine_s) is not bool(theirs_s):
        return -_ARRIVALS
    if not mine_s or not theirs_s:
        why.append("no event comes through")
        return _ARRIVALS
    is_held = theirs_s[0] > up.events_s[0] + _CLOSE_S if up.events_s else False
    if not is_held:
        return 0.0 if _is_close(mine_s[0], theirs_s[0], _ARRIVAL_S) else -_ARRIVALS
    if _is_close(mine_s[0], theirs_s[0], _ARRIVAL_S):
        why.append("events held as long")
        return _ARRIVALS
    return 0.0


def _is_close(a_s: float, b_s: float, least_s: float = _CLOSE_S) -> bool:
    return abs(a_s - b_s) <= max(least_s, _CLOSE * max(a_s, b_s))
