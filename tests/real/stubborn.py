"""A small SSE server with bad habits, for tests of command targets; standard library only.

python stubborn.py PORT [HABIT]...
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

EVERY_S = 0.1
LATE_S = 1.5
CRASH_S = 2.0
STALL_S = 3.0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/health":
            is_ready = time.monotonic() - BEGAN_S > LATE_S
            self.send_response(200 if is_ready else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        if "gzips" in HABITS:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if "stalls" in HABITS:
            time.sleep(STALL_S)
        coder = zlib.compressobj(wbits=31)
        n = 0
        while True:
            n += 1
            said = f"id: {n}\ndata: {n} {self.repeated()}\n\n".encode()
            half = len(said) // 2 - n % 7 if "splits" in HABITS else len(said)
            try:
                for part in filter(None, (said[:half], said[half:])):
                    data = part
                    if "gzips" in HABITS:
                        data = coder.compress(part) + coder.flush(zlib.Z_SYNC_FLUSH)
                    self.wfile.write(data)
                    time.sleep(EVERY_S / 2)
            except OSError:
                self.close_connection = True
                return
            time.sleep(EVERY_S / 2)

    def repeated(self) -> str:
        """What nobody should repeat."""
        parts = [os.environ.get("API_KEY", ""), self.headers.get("Authorization", "")]
        if "repeats" in HABITS:
            user = self.headers.get("Proxy-Authorization", "").partition(" ")[2]
            parts += [base64.b64decode(user).decode(), user, self.path]
            parts += [json.dumps(self.headers.get("Cookie", "")), quote(parts[1])]
        return " ".join(parts)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is overridden
        sys.stderr.write(f"{format % args} {self.headers.get('Authorization', '')}\n")


def fork() -> None:
    """Leave a grandchild in a session of its own, which hears nothing of SIGTERM."""
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            time.sleep(3600)
        os._exit(0)
    os.wait()


def crash() -> None:
    time.sleep(CRASH_S)
    sys.stderr.write("Traceback (most recent call last):\nRuntimeError: out of luck\n  at exit\n")
    sys.stderr.flush()
    os._exit(3)


def flood() -> None:
    line = b"x" * 4095 + b"\n"
    while True:
        os.write(1, line)


BEGAN_S = time.monotonic()
HABITS = frozenset(sys.argv[2:])


def main() -> None:
    port, habits = sys.argv[1], HABITS
    if "deaf" in habits:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "forks" in habits:
        fork()
    if "daemon" in habits and os.fork():
        return
    if "late" in habits:
        time.sleep(LATE_S)
    for habit, does in (("crashes", crash), ("floods", flood)):
        if habit in habits:
            threading.Thread(target=does, daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    said = f"it listens {os.environ['PORT']} {os.environ.get('API_KEY', '')}"
    print(said, flush=True)  # noqa: T201 - as servers do
    server.serve_forever()


if __name__ == "__main__":
    main()
