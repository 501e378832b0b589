// An SSE server as many are written with Express: no heartbeat, no ids, no word to intermediaries.
//
// Prints its port on the first line. Every event's data is {"n": …, "at": Unix seconds}.

import compression from "compression";
import express from "express";

const EVERY_MS = 200;
const BURST = 5;
const QUIET_MS = 2600;

const now = () => Date.now() / 1000;
const event = (data) => `data: ${JSON.stringify(data)}\n\n`;

function open(res) {
  res.writeHead(200, { "Content-Type": "text/event-stream" });
  res.flushHeaders();
}

// One feed for all: a few events, then a stretch without a word, and again.
const listeners = new Set();
let n = 0;
function speak() {
  n += 1;
  const text = event({ n, at: now() });
  for (const res of listeners) res.write(text);
  setTimeout(speak, n % BURST === 0 ? QUIET_MS : EVERY_MS);
}
speak();

// A stream of its own for one client: `count` events, then `last`.
function tell(req, res, last) {
  open(res);
  const count = Number(req.query.count ?? 5);
  let told = 0;
  const timer = setInterval(() => {
    told += 1;
    res.write(event({ n: told, at: now() }));
    if (told === count) {
      clearInterval(timer);
      setTimeout(last, EVERY_MS);
    }
  }, EVERY_MS);
  res.on("close", () => clearInterval(timer));
}

const app = express();

app.get("/events", (req, res) => {
  open(res);
  listeners.add(res);
  res.on("close", () => listeners.delete(res));
});

// As its documentation warns: without res.flush() the middleware keeps events in its buffer.
app.get("/compressed", compression({ filter: () => true, threshold: 0 }), (req, res) => {
  open(res);
  listeners.add(res);
  res.on("close", () => listeners.delete(res));
});

app.get("/finite", (req, res) => tell(req, res, () => res.end()));
app.get("/reset", (req, res) => tell(req, res, () => res.socket.resetAndDestroy()));
app.get("/cut", (req, res) => tell(req, res, () => res.socket.destroy()));

// What arrived, as the first event.
app.all("/echo", express.raw({ type: () => true }), (req, res) => {
  open(res);
  const body = Buffer.isBuffer(req.body) ? req.body.toString() : "";
  res.write(event({ method: req.method, url: req.originalUrl, headers: req.headers, body }));
  res.end();
});

const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
