"""What a compressing hop makes of a response's head."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from harness.faults.base import ResponseHead
from harness.model.base import Strict
from harness.wire.headers import Headers, replaced, tokens, value, without


class Suffix(Strict):
    """An entity tag gets an end: `"abc"` becomes `"abc-gzip"`.

    Args:
        suffix: The end, such as `-gzip`.
    """

    suffix: str


type Etag = Literal["weak", "drop", "keep"] | Suffix
"""What becomes of an entity tag: a coded body is another representation (RFC 9110 §8.8.3)."""


def coded_head(
    head: ResponseHead, coding: str, *, etag: Etag, has_vary: bool, has_ranges: bool
) -> ResponseHead:
    """The head of a response whose body is coded from here on.

    Args:
        head: The head of the response as it came.
        coding: The coding.
        etag: What becomes of its entity tag.
        has_vary: Whether it varies by Accept-Encoding, as it should.
        has_ranges: Whether Accept-Ranges stays.
    """
    gone = ["content-length", *([] if has_ranges else ["accept-ranges"])]
    headers = replaced(without(head.headers, gone), "Content-Encoding", coding)
    if has_vary and not {"accept-encoding", "*"} & set(tokens(headers, "vary")):
        vary = value(headers, "vary")
        headers = replaced(
            headers, "Vary", f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"
        )
    framing = "chunked" if head.framing == "length" else head.framing
    return replace(head, headers=_tagged(headers, etag), framing=framing)


def _tagged(headers: Headers, rule: Etag) -> Headers:
    tag = value(headers, "etag")
    if tag is None or rule == "keep":
        return headers
    if isinstance(rule, Suffix):
        return replaced(headers, "ETag", f'{tag.removesuffix('"')}{rule.suffix}"')
    if tag.startswith("W/"):
        return headers
    return replaced(headers, "ETag", f"W/{tag}") if rule == "weak" else without(headers, ["etag"])
