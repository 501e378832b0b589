"""Let an HTTP/2 client read on after a GOAWAY, as browsers do.

RFC 9113 §6.8: streams up to the last one that a GOAWAY names go on. h2 closes its connection with
any GOAWAY, and httpcore then ends every stream on it. So one that lets the streams go on is kept
from them until the connection ends.
"""

from __future__ import annotations

_HEAD_BYTES = 9  # RFC 9113 §4.1
_GOAWAY = 7
_GOAWAY_BYTES = 8  # last stream and error code; debug data may follow
_STREAM_MASK = 0x7FFF_FFFF


class GoAwayFilter:
    """Withhold GOAWAY frames of NO_ERROR that let the first stream go on.

    For connections with one stream, the first one, which is number 1.
    """

    def __init__(self) -> None:
        self._rest = 0  # bytes of the frame at hand that are passed on as they come
        self._begun = b""  # of a head, or of a GOAWAY, that is not all here
        self._withheld = b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes of whatever frames they are; what the client may see of them."""
        out = [data[: self._rest]]
        data = self._begun + data[self._rest :]
        self._rest = max(0, self._rest - len(out[0]))
        self._begun = b""
        while data:
            size = _HEAD_BYTES + int.from_bytes(data[:3])
            if len(data) < _HEAD_BYTES or (data[3] == _GOAWAY and len(data) < size):
                self._begun = data
                break
            frame, data = data[:size], data[size:]
            if _lets_go_on(frame):
                self._withheld += frame
            else:
                out.append(frame)
                self._rest = size - len(frame)
        return b"".join(out)

    def end(self) -> bytes:
        """The connection has ended: what was withheld, once."""
        withheld, self._withheld, self._begun = self._withheld + self._begun, b"", b""
        return withheld


def _lets_go_on(frame: bytes) -> bool:
    body = frame[_HEAD_BYTES:]
    if frame[3] != _GOAWAY or len(body) < _GOAWAY_BYTES:
        return False
    last_stream = int.from_bytes(body[:4]) & _STREAM_MASK
    return last_stream >= 1 and int.from_bytes(body[4:8]) == 0
