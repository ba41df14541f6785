/** HTTP as pg_net 0.20.4 speaks it through libcurl: what goes over the wire, and the words with which a failure is recorded. */
import http from "node:http";
import https from "node:https";

export interface HttpRequest {
  method: string;
  url: string;
  headers: [name: string, value: string][];
  body: Buffer | null;
  /** Of the whole exchange, redirects included; 0 or less is no limit. */
  timeoutMs: number;
}

export type HttpResult =
  | {
      status: number;
      /** Of the first hop, when there were redirects. */
      headers: Record<string, string>;
      contentType: string | null;
      body: Buffer;
    }
  | { error: string; timedOut: boolean };

export interface Transport {
  /** Never rejects: failures are results. */
  send(request: HttpRequest): Promise<HttpResult>;
  /** Drops what is under way and every connection. */
  destroy(): void;
}

interface Hop {
  status: number;
  rawHeaders: string[];
  body: Buffer;
}

/** Times in milliseconds since the request began, as libcurl takes them; 0 for what was not reached. */
interface Timings {
  begin: number;
  resolved: number;
  connected: number;
  secured: number;
  sending: number;
}

const USER_AGENT = "pg_net/0.20.4";
const MAX_REDIRECTS = 30;
const CHUNK_BYTES = 65_536;
const SECOND_CHUNK_AFTER_MS = 200;

const ERRORS: Record<string, string> = {
  ECONNREFUSED: "Couldn't connect to server",
  EHOSTUNREACH: "Couldn't connect to server",
  ENETUNREACH: "Couldn't connect to server",
  ENETDOWN: "Couldn't connect to server",
  EADDRNOTAVAIL: "Couldn't connect to server",
  ETIMEDOUT: "Couldn't connect to server",
  ENOTFOUND: "Couldn't resolve host name",
  EAI_AGAIN: "Couldn't resolve host name",
  EPIPE: "Failed sending data to the peer",
  EPROTO: "SSL connect error",
  CERT_HAS_EXPIRED: "SSL peer certificate or SSH remote key was not OK",
  DEPTH_ZERO_SELF_SIGNED_CERT: "SSL peer certificate or SSH remote key was not OK",
  SELF_SIGNED_CERT_IN_CHAIN: "SSL peer certificate or SSH remote key was not OK",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "SSL peer certificate or SSH remote key was not OK",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "SSL peer certificate or SSH remote key was not OK",
  ERR_TLS_CERT_ALTNAME_INVALID: "SSL peer certificate or SSH remote key was not OK",
};

export function createTransport({ stallsLargeBodies }: { stallsLargeBodies: boolean }): Transport {
  const settings = { keepAlive: true, maxFreeSockets: 1_000 };
  const agents = { "http:": new http.Agent(settings), "https:": new https.Agent(settings) };
  const underWay = new Set<http.ClientRequest>();
  let isDestroyed = false;

  async function send(request: HttpRequest): Promise<HttpResult> {
    const timings: Timings = {
      begin: performance.now(),
      resolved: 0,
      connected: 0,
      secured: 0,
      sending: 0,
    };
    const limit = new AbortController();
    const timer =
      request.timeoutMs > 0 ? setTimeout(() => limit.abort(), request.timeoutMs) : undefined;
    try {
      return await follow(request, timings, limit.signal);
    } catch (error) {
      if (limit.signal.aborted)
        return { error: timeoutMessage(request.timeoutMs, timings), timedOut: true };
      return { error: inWordsOfLibcurl(error as NodeJS.ErrnoException), timedOut: false };
    } finally {
      clearTimeout(timer);
    }
  }

  async function follow(
    request: HttpRequest,
    timings: Timings,
    limit: AbortSignal,
  ): Promise<HttpResult> {
    let hop = await exchange(request, timings, limit);
    const first = hop;
    for (let redirects = 0; ; redirects += 1) {
      const location = lastHeader(hop.rawHeaders, "location");
      if (hop.status < 300 || hop.status >= 400 || location === null) break;
      if (redirects === MAX_REDIRECTS) throw new Error("Number of redirects hit maximum amount");
      request = redirected(request, hop.status, location);
      hop = await exchange(request, timings, limit);
    }
    return {
      status: hop.status,
      headers: toHeaderObject(first.rawHeaders),
      contentType: lastHeader(hop.rawHeaders, "content-type"),
      body: hop.body,
    };
  }

  async function exchange(
    request: HttpRequest,
    timings: Timings,
    limit: AbortSignal,
  ): Promise<Hop> {
    const url = parseUrl(request.url);
    try {
      return await once(request, url, timings, limit, agents[url.protocol as keyof typeof agents]);
    } catch (error) {
      // A kept connection may have died in the meantime; libcurl then takes a fresh one.
      if (!(error instanceof StaleConnection) || isDestroyed) throw error;
      return await once(request, url, timings, limit, false);
    }
  }

  function once(
    request: HttpRequest,
    url: URL,
    timings: Timings,
    limit: AbortSignal,
    agent: http.Agent | false | undefined,
  ): Promise<Hop> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const client = url.protocol === "https:" ? https : http;
      const outgoing = client.request(url, {
        agent: agent ?? false,
        method: request.method,
        headers: wireHeaders(request, url),
        maxHeaderSize: 300 * 1024,
        signal: limit,
      });
      underWay.add(outgoing);
      outgoing.once("close", () => underWay.delete(outgoing));
      outgoing.once("socket", (socket) => {
        const mark = (name: "resolved" | "connected" | "secured") => () => {
          timings[name] = performance.now() - timings.begin;
        };
        const startSending = () => {
          timings.sending = performance.now() - timings.begin;
          sendBody(outgoing, request.body);
        };
        if (outgoing.reusedSocket || !socket.connecting) {
          mark("resolved")();
          startSending();
          return;
        }
        socket.once("lookup", mark("resolved"));
        socket.once("connect", () => {
          mark("connected")();
          if (timings.resolved === 0) timings.resolved = timings.connected;
          if (url.protocol === "http:") startSending();
        });
        socket.once("secureConnect", () => {
          mark("secured")();
          startSending();
        });
      });
      outgoing.once("error", (error: NodeJS.ErrnoException) => {
        const stale =
          outgoing.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
        reject(stale ? new StaleConnection() : error);
      });
      outgoing.once("response", (incoming) => {
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.once("error", () => reject(new Error("Transferred a partial file")));
        incoming.once("end", () => {
          // An answer may come before the body is through.
          if (!outgoing.writableEnded) outgoing.destroy();
          resolve({
            status: incoming.statusCode ?? 0,
            rawHeaders: incoming.rawHeaders,
            body: Buffer.concat(chunks),
          });
        });
      });
    });
  }

  /**
   * pg_net 0.20.4 stops to watch a socket for writing once libcurl wants to read from it too, so that only what libcurl
   * sends by itself goes out: 64 KiB at once, and on a new connection 64 KiB more when a timer of its own comes round.
   */
  function sendBody(outgoing: http.ClientRequest, body: Buffer | null): void {
    if (!stallsLargeBodies || !body || body.length <= CHUNK_BYTES) {
      outgoing.end(body ?? undefined);
      return;
    }
    outgoing.write(body.subarray(0, CHUNK_BYTES));
    if (outgoing.reusedSocket) return;
    setTimeout(() => {
      if (outgoing.destroyed) return;
      const second = body.subarray(CHUNK_BYTES, 2 * CHUNK_BYTES);
      if (body.length <= 2 * CHUNK_BYTES) outgoing.end(second);
      else outgoing.write(second);
    }, SECOND_CHUNK_AFTER_MS);
  }

  return {
    send,
    destroy() {
      isDestroyed = true;
      for (const outgoing of underWay) outgoing.destroy();
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
}

class StaleConnection extends Error {}

function parseUrl(text: string): URL {
  const withScheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text) ? text : `http://${text}`;
  if (!URL.canParse(withScheme)) throw new Error("URL using bad/illegal format or missing URL");
  const url = new URL(withScheme);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new Error("Unsupported protocol");
  return url;
}

/** In libcurl's order; a header with an empty value is left out, and takes a default one with it. */
function wireHeaders({ headers, body, method }: HttpRequest, url: URL): string[] {
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  const lines: string[] = [];
  if (!given.has("host")) lines.push("Host", url.host);
  if (url.username && !given.has("authorization")) {
    const user = decodeURIComponent(`${url.username}:${url.password}`);
    lines.push("Authorization", `Basic ${Buffer.from(user).toString("base64")}`);
  }
  if (!given.has("accept")) lines.push("Accept", "*/*");
  // Node takes header values as Latin-1; this way the bytes of UTF-8 go out.
  for (const [name, value] of headers) {
    if (value !== "") lines.push(name, Buffer.from(value).toString("latin1"));
  }
  lines.push("User-Agent", USER_AGENT);
  if (body || method === "POST") lines.push("Content-Length", String(body?.length ?? 0));
  if ((body || method === "POST") && !given.has("content-type")) {
    lines.push("Content-Type", "application/x-www-form-urlencoded");
  }
  return lines;
}

/** POST becomes GET on 301, 302 and 303; to another host, credentials stay behind. */
function redirected(request: HttpRequest, status: number, location: string): HttpRequest {
  const from = parseUrl(request.url);
  const to = new URL(location, from);
  const keeps = to.host === from.host && to.protocol === from.protocol;
  const becomesGet = request.method === "POST" && status <= 303 && status !== 300;
  return {
    ...request,
    url: to.href,
    ...(becomesGet && { method: "GET", body: null }),
    headers: request.headers.filter(
      ([name]) => keeps || !["authorization", "cookie"].includes(name.toLowerCase()),
    ),
  };
}

/** Names as the server spelled them; of equally spelt ones the last wins. */
function toHeaderObject(rawHeaders: string[]): Record<string, string> {
  const pairs: [string, string][] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    pairs.push([rawHeaders[index] as string, fromWire(rawHeaders[index + 1] as string)]);
  }
  return Object.fromEntries(pairs);
}

function lastHeader(rawHeaders: string[], name: string): string | null {
  const index = rawHeaders.findLastIndex((word, at) => at % 2 === 0 && word.toLowerCase() === name);
  return index < 0 ? null : fromWire(rawHeaders[index + 1] as string);
}

function fromWire(value: string): string {
  return Buffer.from(value, "latin1").toString("utf8");
}

function inWordsOfLibcurl(error: NodeJS.ErrnoException): string {
  const code = error.code ?? "";
  if (error.message === "socket hang up") return "Server returned nothing (no headers, no data)";
  if (code === "ECONNRESET") return "Failure when receiving data from the peer";
  if (code.startsWith("HPE_")) return "Weird server reply";
  if (code.startsWith("ERR_SSL_")) return "SSL connect error";
  // Several addresses of one host were tried, and each failed.
  if (error instanceof AggregateError) return inWordsOfLibcurl(error.errors[0] as Error);
  return ERRORS[code] ?? error.message;
}

function timeoutMessage(timeoutMs: number, timings: Timings): string {
  const total = performance.now() - timings.begin;
  const { resolved, connected, secured, sending } = timings;
  const [dns, handshake, exchange] =
    resolved === 0
      ? [total, 0, 0]
      : sending === 0
        ? [resolved, total - resolved, 0]
        : [resolved, Math.max(connected, secured) - resolved, total - sending];
  const f = (ms: number) => `${ms.toFixed(6)} ms`;
  return (
    `Timeout of ${timeoutMs} ms reached. Total time: ${f(total)} ` +
    `(DNS time: ${f(dns)}, TCP/SSL handshake time: ${f(handshake)}, HTTP Request/Response time: ${f(exchange)})`
  );
}
