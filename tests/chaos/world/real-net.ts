/** The server's own pg_net: its worker posts here, where the function waits behind a gate that the test opens and shuts. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { type Answer, createAnswerer, createMeddler, type Fate, type Net } from "./net.ts";
import type { Receivers } from "./receivers.ts";

export interface FunctionGate {
  url: string;
  /** For one schedule; the gate is shut when it begins. */
  net(worker: pg.Client, receivers: Receivers, onFate: (fate: Fate) => void): Net;
  stop(): Promise<void>;
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export async function startFunctionGate(): Promise<FunctionGate> {
  let handle: Handle = async (_request, response) => {
    response.destroy();
  };
  const server = createServer((request, response) => void handle(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/crm-sync`,
    net: (worker, receivers, onFate) => {
      const gate = openGate(worker, receivers, onFate);
      handle = gate.handle;
      return gate.net;
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function openGate(client: pg.Client, receivers: Receivers, onFate: (fate: Fate) => void) {
  const { answerTo, signed } = createAnswerer(receivers);
  let isBusy = false;
  let fates: Fate[] = [];
  let open = () => {};
  let opened = shut();

  function shut(): Promise<void> {
    return new Promise((resolve) => {
      open = resolve;
    });
  }

  /** Everybody who waits, or comes until pg_net has nothing left, is let through. */
  async function letThrough(next: Fate[]): Promise<void> {
    fates = next;
    open();
    while (await hasRequests(client)) await sleep(20);
    opened = shut();
  }

  const handle: Handle = async (request, response) => {
    const headers = request.headers as Record<string, string>;
    const body = await text(request);
    await opened;
    // pg_net has given up waiting: what it gave up on does not run later.
    if (response.destroyed) return;
    const fate = fates.shift() ?? "answered";
    onFate(fate);
    const age_ms = await ageOf(client, headers["webhook-id"] ?? "");
    send(await answerTo({ headers, body, age_ms }, fate), response);
  };

  const net: Net = {
    ...createMeddler(client, signed),
    isBusy: () => isBusy,
    take: async () => {
      isBusy = true;
      const { rowCount } = await client.query("select from net.http_request_queue");
      return rowCount ?? 0;
    },
    finish: async (next) => {
      await letThrough([...next]);
      isBusy = false;
    },
    crash: async (arrived) => {
      await letThrough(Array(200).fill(arrived ? "function killed" : "never reached"));
      isBusy = false;
      await client.query("truncate net.http_request_queue, net._http_response restart identity");
    },
  };
  return { handle, net };
}

/** A batch leaves the queue when it ends. A worker that sleeps is woken, as the tick would do. */
async function hasRequests(client: pg.Client): Promise<boolean> {
  const { rowCount } = await client.query("select net.wake() from net.http_request_queue limit 1");
  return rowCount !== 0;
}

async function ageOf(client: pg.Client, envelopeId: string): Promise<number> {
  const { rows } = await client.query<{ age_ms: number }>(
    `select (extract(epoch from clock_timestamp() - dispatched_at) * 1000)::float8 as age_ms
     from crm_sync.envelopes where envelope_id::text = $1`,
    [envelopeId],
  );
  return rows[0]?.age_ms ?? 0;
}

function send({ status, headers, content, timedOut }: Answer, response: ServerResponse): void {
  if (timedOut) return;
  if (status === null) {
    response.destroy();
    return;
  }
  response.writeHead(status, headers).end(content);
}
