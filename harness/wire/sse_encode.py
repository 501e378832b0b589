"""The event stream format, written: blocks and comments as bytes."""


def encode(
    data: str | None,
    *,
    event: str | None = None,
    id: str | None = None,  # noqa: A002 - the name of the field
    retry_ms: int | None = None,
    comment: str | None = None,
) -> bytes:
    """Write one block: the fields given, and its blank line.

    Args:
        data: One `data` line for each of its lines, which LF separates; "" makes an event with
            empty data; None leaves the field out, so that no event comes of the block.
        event: The event type; "" means "message" to every parser.
        id: The last event id from here on; "" resets it.
        retry_ms: The reconnection time in milliseconds, 0 or more.
        comment: Text of a comment before the fields.

    Raises:
        ValueError: The wire cannot carry the value (CR anywhere, LF but in `data`, NUL in `id`, a
            lone surrogate), `retry_ms` is negative, or nothing at all was given.
    """
    lines = []
    if comment is not None:
        lines.append(f": {_one_line('comment', comment)}")
    if id is not None:
        if "\0" in id:
            raise ValueError(f"id: expected no NUL, got {id!r}")
        lines.append(f"id: {_one_line('id', id)}")
    if event is not None:
        lines.append(f"event: {_one_line('event', event)}")
    if retry_ms is not None:
        if retry_ms < 0:
            raise ValueError(f"retry_ms: expected 0 or more, got {retry_ms}")
        lines.append(f"retry: {retry_ms}")
    if data is not None:
        lines += [f"data: {_one_line('data', line)}" for line in data.split("\n")]
    if not lines:
        raise ValueError("expected a field or a comment, got neither")
    return ("\n".join(lines) + "\n\n").encode()


def encode_comment(text: str) -> bytes:
    """Write a comment and a blank line, the usual heartbeat.

    Raises:
        ValueError: `text` has a CR, an LF or a lone surrogate in it.
    """
    return encode(None, comment=text)


def _one_line(what: str, text: str) -> str:
    if "\r" in text or "\n" in text:
        raise ValueError(f"{what}: expected no line end the wire cannot carry, got {text!r}")
    return text
