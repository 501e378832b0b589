// better-sse on Express, as its documentation has it.

import { createSession } from "better-sse";
import express from "express";

const app = express();

app.get("/events", async (req, res) => {
  const session = await createSession(req, res);
  let n = Number(session.lastId || 0);
  const timer = setInterval(() => {
    n += 1;
    session.push(n, "count", String(n));
    if (n >= 10) {
      clearInterval(timer);
      res.end();
    }
  }, 200);
  session.on("disconnected", () => clearInterval(timer));
});

app.listen(process.env.PORT, "127.0.0.1");
