// The MCP SDK's Streamable HTTP, stateless: a tool that tells of its progress, in an event stream.

import http from "node:http";

import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

function tool() {
  const server = new McpServer({ name: "counter", version: "1.0.0" });
  server.registerTool("count", { description: "Counts to eight" }, async (extra) => {
    for (let progress = 1; progress <= 8; progress += 1) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      const params = { progressToken: extra._meta?.progressToken ?? 0, progress, total: 8 };
      await extra.sendNotification({ method: "notifications/progress", params });
    }
    return { content: [{ type: "text", text: "counted" }] };
  });
  return server;
}

const server = http.createServer(async (req, res) => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  const own = tool();
  res.on("close", () => own.close());
  await own.connect(transport);
  await transport.handleRequest(req, res);
});
server.listen(process.env.PORT, "127.0.0.1");
