// Express: without compression, and with it, where nobody calls res.flush().

import compression from "compression";
import express from "express";

const app = express();
const compressed = compression({ filter: () => true, threshold: 0 });

function tell(req, res) {
  res.set({ "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  res.flushHeaders();
  const count = Number(req.query.count ?? 10);
  let n = 0;
  const timer = setInterval(() => {
    n += 1;
    res.write(`data: ${n}\n\n`);
    if (n === count) {
      clearInterval(timer);
      res.end();
    }
  }, 200);
  res.on("close", () => clearInterval(timer));
}

app.get("/events", tell);
app.get("/compressed", compressed, tell);
app.listen(process.env.PORT, "127.0.0.1");
