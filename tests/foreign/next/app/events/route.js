// A route handler of Next.js's app router, as its documentation has streaming.

export const dynamic = "force-dynamic";

export async function GET() {
  const text = new TextEncoder();
  let n = 0;
  const stream = new ReadableStream({
    async pull(controller) {
      n += 1;
      controller.enqueue(text.encode(`data: ${n}\n\n`));
      if (n === 10) controller.close();
      else await new Promise((resolve) => setTimeout(resolve, 200));
    },
  });
  const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" };
  return new Response(stream, { headers });
}
