// Node's own server: one path as it should be, one with another content type.

import http from "node:http";

function tell(res, type) {
  res.writeHead(200, { "Content-Type": type, "Cache-Control": "no-cache" });
  let n = 0;
  const timer = setInterval(() => {
    n += 1;
    res.write(`data: ${n}\n\n`);
    if (n === 10) {
      clearInterval(timer);
      res.end();
    }
  }, 200);
  res.on("close", () => clearInterval(timer));
}

const server = http.createServer((req, res) =>
  tell(res, req.url === "/plain" ? "text/plain" : "text/event-stream"),
);
server.listen(process.env.PORT, "127.0.0.1");
