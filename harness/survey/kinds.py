"""Kinds of stream, and what is asked of each: a must, a should, or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from types import MappingProxyType
from typing import Final, Literal

from harness.survey.observation import Observation
from harness.wire.headers import value

type Level = Literal["MUST", "SHOULD", "no"]


@dataclass(frozen=True)
class Kind:
    """What a stream is for.

    Attributes:
        name: In a word, as `--kind` takes it.
        says: What it is, in a line.
        asked: How much each check is meant; one that is not named is a must.
        leaving: How much a path is meant to tell the server that a client has gone: the stream is
            none the worse for it, but the server works on for nobody.
    """

    name: str
    says: str
    asked: Mapping[str, Level]
    leaving: Level = "SHOULD"

    def level(self, check: str) -> Level:
        """How much a check is meant."""
        return self.asked.get(check, "MUST")


def _kind(name: str, says: str, leaving: Level = "SHOULD", **asked: Level) -> Kind:
    return Kind(name, says, MappingProxyType(asked), leaving)


NOTIFICATIONS: Final = _kind(
    "notifications",
    "endless, often silent; each event counts, so that clients resume",
)
LLM_TOKENS: Final = _kind(
    "llm-tokens",
    "an answer that is computed as it is told; late tokens are no stream",
    resumes="SHOULD",
    first_byte_within="SHOULD",
    headers_fit="SHOULD",
    ids_advance="SHOULD",
)
PROGRESS: Final = _kind(
    "progress",
    "news of a task until it is done",
    resumes="SHOULD",
    first_byte_within="SHOULD",
)
TICKER: Final = _kind(
    "ticker",
    "endless and steady; the next event makes good for a lost one",
    resumes="no",
    no_event_lost="SHOULD",
    ids_advance="SHOULD",
)
MCP: Final = _kind(
    "mcp",
    "messages of the Model Context Protocol; a server may end a response when it has answered",
    # Its "Transports": a disconnection is no cancellation.
    leaving="no",
    resumes="SHOULD",
    first_byte_within="SHOULD",
    heartbeat_within="SHOULD",
)
KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {it.name: it for it in (NOTIFICATIONS, LLM_TOKENS, PROGRESS, TICKER, MCP)}
)

# Model Context Protocol, "Transports": JSON-RPC messages, and a session in a header.
_JSON_RPC = re.compile(rb'"jsonrpc"\s*:\s*"2\.0"')
# As OpenAI, Anthropic and those who do as they do name the pieces of an answer.
_TOKENS = re.compile(rb'\[DONE\]|"(?:delta|choices|token|completion|content_block)"')
# Told in such haste, an answer is tokens, whatever they look like.
_HASTE_S = 0.5
_MANY = 20
# Of a steady beat no gap is longer than so many usual ones.
_STEADY = 2.0
_LEAST_BEATS = 5


def guess(seen: Observation) -> Kind:
    """What a stream seems to be for, from how it was asked and what it said."""
    text = b"".join(it.data for it in seen.reads)
    gaps_s = _gaps_s(seen)
    usual_s = median(gaps_s) if gaps_s else 0.0
    if value(seen.said.headers, "mcp-session-id") is not None or _JSON_RPC.search(text):
        return MCP
    is_hasty = seen.events >= _MANY and usual_s < _HASTE_S
    if _TOKENS.search(text) or (is_hasty and (seen.has_all or seen.request.method == "POST")):
        return LLM_TOKENS
    if seen.has_all or seen.request.method == "POST":
        return PROGRESS
    is_steady = len(gaps_s) >= _LEAST_BEATS and max(gaps_s) <= _STEADY * usual_s
    return TICKER if is_steady and not seen.ids else NOTIFICATIONS


def _gaps_s(seen: Observation) -> list[float]:
    """The pauses between events."""
    times_s = [it.t_s for it in seen.reads if it.events]
    return [b - a for a, b in pairwise(times_s)]
