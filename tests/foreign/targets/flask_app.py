"""Flask, for gunicorn's synchronous and threaded workers."""

from __future__ import annotations

import time
from collections.abc import Iterator

from flask import Flask, Response

app = Flask(__name__)


@app.get("/events")
def events() -> Response:
    def tell() -> Iterator[str]:
        for n in range(1, 11):
            yield f"data: {n}\n\n"
            time.sleep(0.2)

    return Response(tell(), mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})
