/** An HTTP server that answers as its path says, and keeps what it was sent. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ProbeCall {
  method: string;
  path: string;
  rawHeaders: string[];
  body: string;
  at: number;
}

export interface ProbeReceiver {
  url: string;
  calls: ProbeCall[];
  /** Calls to this path that have arrived. */
  callsTo(path: string): ProbeCall[];
  /** Lets go of everything that waits at /hold. */
  release(): void;
  stop(): Promise<void>;
}

const BODIES: Record<string, Buffer> = {
  "/empty": Buffer.alloc(0),
  "/not-utf8": Buffer.from("ab\xff\xfecd", "latin1"),
  "/nul": Buffer.from("ab\0cd"),
};

export async function startProbeReceiver(): Promise<ProbeReceiver> {
  const calls: ProbeCall[] = [];
  let held: (() => void)[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://probe");
    calls.push({
      method: request.method ?? "",
      path: pathname,
      rawHeaders: request.rawHeaders,
      body: Buffer.concat(chunks).toString(),
      at: Date.now(),
    });
    if (pathname === "/hold") await new Promise<void>((done) => held.push(done));
    if (pathname === "/never") return;
    if (pathname === "/hang-up") return void request.socket.end();
    response.statusCode = Number(searchParams.get("status") ?? 200);
    if (pathname === "/redirect") {
      response.setHeader("location", searchParams.get("to") ?? "/ok");
      response.setHeader("x-hop", "first");
      return void response.end();
    }
    if (pathname === "/cut-short") {
      response.writeHead(200, { "content-length": 100 });
      response.write("short");
      setTimeout(() => request.socket.end(), 50);
      return;
    }
    if (pathname === "/twice") response.setHeader("x-twice", ["one", "two"]);
    if (pathname !== "/untyped")
      response.setHeader("Content-Type", "application/json; charset=utf-8");
    response.end(BODIES[pathname] ?? '{"ok": true}');
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => request.socket.destroy());
  });
  // Connections stay, so that a test decides which request meets a used one.
  server.keepAliveTimeout = 300_000;
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    callsTo: (path) => calls.filter((call) => call.path === path),
    release: () => {
      const waiting = held;
      held = [];
      for (const go of waiting) go();
    },
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
