"""A server with one worker: whoever comes second waits until the first has gone."""

from __future__ import annotations

import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

_EVERY_S = 0.2


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache, no-transform")
        self.send_header("X-Accel-Buffering", "no")
        self.send_header("Connection", "close")
        self.end_headers()
        number = 0
        while True:
            number += 1
            try:
                self.wfile.write(f"id: {number}\ndata: {number}\n\n".encode())
            except OSError:
                return
            time.sleep(_EVERY_S)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), _Handler).serve_forever()
