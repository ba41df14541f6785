/**
 * Stand-in for both receivers, monelec and the Elementor webhook, on 127.0.0.1.
 *
 * It accepts what the contract says and nothing else, keeps what it saw, and can be told to fail.
 * A call counts as open from its last byte in until its answer is out or its caller is gone.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { writeAnswer } from "./answer.ts";
import { type Effect, type Overlap, openBook, type ReceivedCall, type Violation } from "./book.ts";
import { ELEMENTOR_PATH, ENDPOINTS, MONELEC_BASE } from "./contract.ts";
import { CONTROL_PATH, control } from "./control.ts";
import { type Fault, type FaultOverHttp, isProcessed, openFaults } from "./faults.ts";
import { judge, readBody } from "./judge.ts";
import { ALERT_PATH, HEARTBEAT_PATH, openPeople, type People } from "./people.ts";

export type { Effect, Fault, Overlap, ReceivedCall, Violation };

export interface Controls {
  /** Adds a fault; returns its removal. Faults queue up: the oldest that meets a call is used. */
  respondWith(fault: Fault): () => void;
  faults(): FaultOverHttp[];
  clearFaults(): void;
  /** Milliseconds that every answer takes, faults' delays on top. */
  setLatency(ms: number): void;
  /** Forgets calls, effects, violations, what people were told, faults, latency and known idempotency keys. */
  reset(): void;
}

export interface Receiver extends Controls {
  url: string;
  /** For MONELEC_API_URL. */
  monelecUrl: string;
  /** For ELEMENTOR_WEBHOOK_URL. */
  elementorUrl: string;
  /** The X-API-Key that monelec expects. */
  apiKey: string;
  calls: readonly ReceivedCall[];
  /** Last state by entity, such as `lovable_lead_id:<uuid>`. */
  effects: ReadonlyMap<string, Effect>;
  overlaps: readonly Overlap[];
  violations: readonly Violation[];
  /** For CRM_SYNC_ALERT_URL. */
  alertUrl: string;
  /** For CRM_SYNC_HEARTBEAT_URL. */
  heartbeatUrl: string;
  people: People;
  /**
   * Waits until the condition holds, looking each time a call came in or was closed.
   * @throws Error after `timeoutMs` (default 10,000).
   */
  waitUntil(condition: () => boolean, timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export interface ReceiverOptions {
  /** Default: any free one. */
  port?: number;
  apiKey?: string;
}

export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const apiKey = options.apiKey ?? "fake-monelec-key";
  const book = openBook();
  const rules = openFaults();
  const people = openPeople();
  const watchers = new Set<() => void>();
  const notify = () => {
    for (const watcher of watchers) watcher();
  };
  let latencyMs = 0;

  const controls: Controls = {
    respondWith: rules.add,
    faults: rules.pending,
    clearFaults: rules.clear,
    setLatency: (ms) => {
      latencyMs = ms;
    },
    reset: () => {
      book.reset();
      rules.clear();
      people.reset();
      latencyMs = 0;
    },
  };

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? "/", "http://receiver").pathname;
    const text = await readText(request);
    if (path.startsWith(`${CONTROL_PATH}/`)) {
      const { status, body } = control(book, people, controls, request.method ?? "GET", path, text);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
      return;
    }
    const told = people.take(request.method ?? "GET", path, text);
    if (told !== null) {
      response.writeHead(told).end();
      notify();
      return;
    }
    const { "x-api-key": sentKey, ...headers } = flatten(request.headers);
    const call: ReceivedCall = {
      number: book.calls.length + 1,
      receivedAt: new Date(),
      closedAt: null,
      method: request.method ?? "GET",
      path,
      destination: ENDPOINTS.get(path)?.destination ?? null,
      headers,
      text,
      body: null,
      idempotencyKey: headers["idempotency-key"] ?? null,
      entity: null,
      subject: null,
      status: null,
      repeat: false,
      effect: false,
      injected: false,
    };
    readBody(call);
    book.calls.push(call);
    book.open(call);
    response.once("close", () => {
      book.close(call);
      notify();
    });
    const fault = call.destination ? rules.take(call) : null;
    call.injected = fault !== null;
    const verdict = judge(book, call, sentKey, apiKey, fault === null || isProcessed(fault));
    notify();
    await writeAnswer(response, call, verdict, fault, latencyMs);
  }

  const server = createServer((request, response) => {
    receive(request, response).catch((error: unknown) => {
      // A caller that goes away while it still sends is no call; anything else is a mistake here.
      if (request.complete && !response.headersSent) response.writeHead(500).end(String(error));
      else response.destroy();
    });
  });
  // Longer than any caller keeps an idle connection, so that it is never the receiver who drops one.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    ...controls,
    url,
    monelecUrl: `${url}${MONELEC_BASE}`,
    elementorUrl: `${url}${ELEMENTOR_PATH}`,
    apiKey,
    calls: book.calls,
    effects: book.effects,
    overlaps: book.overlaps,
    violations: book.violations,
    alertUrl: `${url}${ALERT_PATH}`,
    heartbeatUrl: `${url}${HEARTBEAT_PATH}`,
    people,
    waitUntil: (condition, timeoutMs = 10_000) =>
      new Promise((resolve, reject) => {
        const done = () => {
          clearTimeout(timer);
          watchers.delete(look);
        };
        const look = () => {
          if (!condition()) return;
          done();
          resolve();
        };
        const timer = setTimeout(() => {
          done();
          reject(new Error(`not so within ${timeoutMs} ms; ${book.calls.length} calls came in`));
        }, timeoutMs);
        watchers.add(look);
        look();
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function flatten(headers: IncomingMessage["headers"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value].flat().join(", ")]),
  );
}
