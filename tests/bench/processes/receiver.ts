/**
 * The receiver that all contenders call: takes what it is given, notes which row arrived when, and answers after 20 ms.
 * It checks nothing, so that it is never what limits a contender.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Service, serve } from "./child.ts";
import { now } from "./clock.ts";

const ANSWER = JSON.stringify({ ok: true });
/** The row's id, where the CRM's payload has it, and where a Database Webhook has it. */
const ROW_ID = /"lovable_lead_id": ?"([0-9a-f-]{36})"|"record": ?\{.*?"id": ?"([0-9a-f-]{36})"/;

await serve(async ({ latencyMs }: { latencyMs: number }): Promise<Service> => {
  /** First receipt of each row. */
  const receipts = new Map<string, number>();
  let calls = 0;

  function receive(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const at = now();
      calls += 1;
      const found = ROW_ID.exec(Buffer.concat(chunks).toString());
      const id = found?.[1] ?? found?.[2];
      if (id && !receipts.has(id)) receipts.set(id, at);
      setTimeout(() => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(ANSWER);
      }, latencyMs);
    });
  }

  const server = createServer(receive);
  // Longer than any caller keeps an idle connection, so that it is never the receiver who drops one.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((done, fail) => {
    server.once("error", fail);
    server.listen(0, "127.0.0.1", 2_048, done);
  });
  return {
    ready: (server.address() as AddressInfo).port,
    answers: {
      count: () => receipts.size,
      calls: () => calls,
      receipts: () => [...receipts],
      reset: () => {
        receipts.clear();
        calls = 0;
      },
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
});
