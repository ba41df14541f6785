import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type FunctionServer, startFunction } from "../../scripts/local/function-server.ts";
import { stringifyJson } from "../../supabase/functions/crm-sync/json.ts";
import { routes } from "../../supabase/functions/crm-sync/routes.ts";
import type { EnvName } from "../../supabase/functions/crm-sync/runtime.ts";
import {
  delivery,
  ENVELOPE_ID,
  envelope,
  OTHER_SECRET,
  type PlainResult,
  SECRET,
  signed,
} from "../unit/function/envelopes.ts";
import { goldenCases } from "../unit/function/golden.ts";

type Call = { method: string; path: string; headers: IncomingMessage["headers"]; body: string };
type Answer = (call: Call, response: ServerResponse) => void;

const accept: Answer = (_, response) => response.writeHead(201).end('{"ok":true}');

/** Both receivers on one loopback port; how they answer is changed per test. */
const receiver = { url: "", calls: [] as Call[], answer: accept };

const server = createServer(async (incoming, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const call = {
    method: incoming.method ?? "",
    path: incoming.url ?? "",
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString("utf8"),
  };
  receiver.calls.push(call);
  receiver.answer(call, response);
});

const API_KEY = "canary-api-key-0123456789";
const HOOK = "/canary-hook-path-0123456789?token=canary-token";

let fn: FunctionServer;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  fn = await startFunction({ env: env() });
});

afterAll(async () => {
  await fn?.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

beforeEach(() => {
  receiver.calls.length = 0;
  receiver.answer = accept;
  fn.output.length = 0;
});

function env(changed: Partial<Record<EnvName, string>> = {}): Partial<Record<EnvName, string>> {
  return {
    CRM_SYNC_SIGNING_SECRET: `${SECRET} ${OTHER_SECRET}`,
    MONELEC_API_URL: `${receiver.url}/api/external`,
    MONELEC_API_KEY: API_KEY,
    ELEMENTOR_WEBHOOK_URL: receiver.url + HOOK,
    ...changed,
  };
}

async function post(body: string, headers: Record<string, string> = signed(body), url = fn.url) {
  const response = await fetch(url, { method: "POST", headers, body });
  const text = await response.text();
  return { status: response.status, headers: Object.fromEntries(response.headers), text };
}

async function send(content: object, url = fn.url) {
  const { status, headers, text } = await post(stringifyJson(content), undefined, url);
  for (const secret of [SECRET, OTHER_SECRET]) new Webhook(secret).verify(text, headers);
  expect(headers["webhook-id"]).toBe(ENVELOPE_ID);
  const answer = JSON.parse(text) as { envelope_id: string; results: PlainResult[] };
  expect(answer.envelope_id).toBe(ENVELOPE_ID);
  return { status, text, results: answer.results };
}

/** Logged lines come through a pipe; the answer may be here first. */
async function logged(count: number): Promise<Record<string, unknown>[]> {
  await expect.poll(() => fn.output.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count);
  return fn.output.map((line) => JSON.parse(line));
}

describe("every golden case", () => {
  const cases = goldenCases();

  test.each(["monelec", "elementor"])("of %s, in one envelope", async (destination) => {
    const mine = cases.filter(({ route }) => routes[route].destination === destination);
    const { status, results } = await send(
      envelope(
        mine.map(({ route, record, captured_at }, index) =>
          delivery({ id: index + 1, route, record, captured_at, timeout_ms: 5_000 }),
        ),
        { destination },
      ),
    );
    expect(status).toBe(207);
    expect(results.map(({ delivery_id, outcome }) => [delivery_id, outcome])).toEqual(
      mine.map(({ expected }, index) => [index + 1, expected ? "delivered" : "reject"]),
    );
    const received = new Map(receiver.calls.map((call) => [call.headers["idempotency-key"], call]));
    mine.forEach(({ route, expected, refused }, index) => {
      const call = received.get(delivery({ id: index + 1 }).idempotency_key as string);
      const result = results[index];
      if (refused) {
        expect(call).toBeUndefined();
        expect(result?.error).toContain(`${refused.field}: expected `);
        return;
      }
      expect(call?.body).toBe(stringifyJson(expected ?? {}));
      expect(call?.path).toBe(
        destination === "elementor" ? HOOK : `/api/external${routes[route].path}`,
      );
      expect(call?.method).toBe("POST");
      expect(call?.headers["content-type"]).toBe("application/json");
      expect(call?.headers["x-api-key"]).toBe(destination === "monelec" ? API_KEY : undefined);
      expect(result?.status).toBe(201);
    });
    expect(await logged(mine.length)).toHaveLength(mine.length);
  });
});

describe("answers by HTTP status", () => {
  test("200 when all are delivered", async () => {
    expect((await send(envelope([delivery({ id: 1 }), delivery({ id: 2 })]))).status).toBe(200);
  });

  test("400 for what is no envelope, also for 200 kB of opening brackets", async () => {
    for (const body of ["[".repeat(200_000), "{}", ""]) {
      const { status, text } = await post(body);
      expect([status, JSON.parse(text).error]).toEqual([400, "malformed"]);
    }
    const { text } = await post(stringifyJson(envelope([delivery()], { version: 7 })));
    expect(JSON.parse(text).error).toBe("unknown_version");
  });

  test("401 unsigned, badly signed or stale", async () => {
    const body = stringifyJson(envelope([delivery()]));
    const foreign = `whsec_${Buffer.from("not-the-secret-at-all").toString("base64")}`;
    const stale = new Date(Date.now() - 10 * 60_000);
    for (const [headers, error] of [
      [{}, "unsigned"],
      [signed(body, { secret: foreign }), "bad_signature"],
      [signed(body, { at: stale }), "stale_timestamp"],
    ] as const) {
      const { status, text } = await post(body, headers);
      expect([status, JSON.parse(text).error]).toEqual([401, error]);
    }
    expect(receiver.calls).toEqual([]);
  });

  test("401 for a header that comes twice", async () => {
    const body = stringifyJson(envelope([delivery()]));
    const headers = signed(body);
    const status = await new Promise((resolve, reject) => {
      const twice = {
        ...headers,
        "webhook-timestamp": Array(2).fill(headers["webhook-timestamp"]),
      };
      request(fn.url, { method: "POST", headers: twice }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end(body);
    });
    expect(status).toBe(401);
  });

  test("409, signed, for an envelope past its end", async () => {
    const { status, results } = await send(
      envelope([delivery()], { expires_at: "2026-01-01T00:00:00.000000Z" }),
    );
    expect(status).toBe(409);
    expect(results[0]).toMatchObject({ outcome: "not_attempted", error_code: "expired" });
    expect(receiver.calls).toEqual([]);
  });

  test("413 for a body that is too large, announced or streamed", async () => {
    const body = "x".repeat(1_200_000);
    expect((await post(body)).status).toBe(413);
    const status = await new Promise((resolve, reject) => {
      const streaming = request(
        fn.url,
        { method: "POST", headers: { ...signed("x"), "transfer-encoding": "chunked" } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      ).on("error", reject);
      streaming.write(body);
      streaming.end();
    });
    expect(status).toBe(413);
  });

  test("500 without a signing secret", async () => {
    const bare = await startFunction({ env: {} });
    try {
      const { status, text } = await post(
        stringifyJson(envelope([delivery()])),
        undefined,
        bare.url,
      );
      expect([status, JSON.parse(text).error]).toEqual([500, "no_signing_secret"]);
    } finally {
      await bare.stop();
    }
  });
});

describe("a receiver", () => {
  test("that does not answer in time: unknown", async () => {
    receiver.answer = () => {};
    const started = performance.now();
    const { status, results } = await send(envelope([delivery({ timeout_ms: 200 })]));
    expect(performance.now() - started).toBeLessThan(7_000);
    expect(status).toBe(207);
    expect(results[0]).toMatchObject({
      outcome: "unknown",
      status: null,
      error_code: "receiver_timeout",
    });
  });

  test("that redirects is not followed", async () => {
    receiver.answer = (_, response) =>
      response.writeHead(307, { location: `${receiver.url}/elsewhere` }).end();
    const { results } = await send(envelope([delivery()]));
    expect(results[0]).toMatchObject({
      outcome: "misconfigured",
      status: 307,
      error_code: "redirect",
    });
    expect(receiver.calls.map((call) => call.path)).toEqual(["/api/external/leads"]);
  });

  test("that resets the connection: retry", async () => {
    receiver.answer = (_, response) => response.socket?.resetAndDestroy();
    const { results } = await send(envelope([delivery()]));
    expect(results[0]).toMatchObject({
      outcome: "retry",
      status: null,
      error_code: "network",
      error: "connection broke off",
    });
  });

  test("that breaks off within its answer: the status counts", async () => {
    receiver.answer = (_, response) => {
      response.writeHead(503, { "content-length": 100 });
      response.write("only the start", () => response.socket?.destroy());
    };
    const { results } = await send(envelope([delivery()]));
    expect(results[0]).toMatchObject({ outcome: "retry", status: 503 });
  });

  test("that is not there: retry, without its address", async () => {
    const closed = await closedPort();
    const gone = await startFunction({
      env: env({ MONELEC_API_URL: `http://127.0.0.1:${closed}/canary-path` }),
    });
    try {
      const { results, text } = await send(envelope([delivery()]), gone.url);
      expect(results[0]).toMatchObject({ outcome: "retry", error: "connection refused" });
      expect(text + gone.output.join()).not.toMatch(/canary|127\.0\.0\.1:/);
    } finally {
      await gone.stop();
    }
  });

  test("that asks for patience is understood", async () => {
    receiver.answer = (_, response) => response.writeHead(429, { "retry-after": "90" }).end("slow");
    const { results } = await send(envelope([delivery()]));
    expect(results[0]).toMatchObject({
      outcome: "retry",
      status: 429,
      retry_after: 90,
      error: "monelec answered 429: slow",
    });
  });

  test("that fails once stops that key, in order, and no other", async () => {
    receiver.answer = (call, response) =>
      response
        .writeHead(call.headers["idempotency-key"]?.toString().endsWith("2") ? 503 : 200)
        .end();
    const keys = ["a", "a", "a", "b", "b", "b"];
    const ids = [1, 2, 3, 4, 5, 6];
    const { status, results } = await send(
      envelope(ids.map((id, index) => delivery({ id, key: keys[index] ?? "" }))),
    );
    expect(status).toBe(207);
    expect(results.map((result) => result.error_code ?? result.outcome)).toEqual([
      "delivered",
      "receiver_status_503",
      "after_failure",
      "delivered",
      "delivered",
      "delivered",
    ]);
    const arrived = receiver.calls.map((call) =>
      Number(call.headers["idempotency-key"]?.slice(-1)),
    );
    expect(arrived.filter((id) => id <= 3)).toEqual([1, 2]);
    expect(arrived.filter((id) => id > 3)).toEqual([4, 5, 6]);
  });
});

test("nothing of a row, a key or a URL is in the log or in an answer", async () => {
  const record = {
    id: "5f0c1f5e-2b7d-4c58-9a0e-0000000ca9a7",
    email: "canary-email@example.fr",
    phone: "0600000042",
    firstname: "Canaryfirst",
    lastname: "Canarylast",
    full_name: "Canaryfull Canaryname",
    connection_type: "canary-type",
    postal_code: "42042",
    source: "canary-source",
    utm_source: "canary-utm",
    utm_medium: "canary-medium",
    utm_campaign: "canary-campaign",
  };
  receiver.answer = (call, response) =>
    response
      .writeHead(422)
      .end(
        `${call.method} ${receiver.url}${call.path} ${JSON.stringify(call.headers)} ${call.body}`,
      );
  const lead = await send(envelope([delivery({ record })]));
  const order = {
    ...goldenCases().find((golden) => golden.route === "order_confirmation")?.record,
    client_name: "Canaryclient",
    client_phone: "0600000042",
    client_address: "42 rue du Canary",
    client_city: "Canaryville",
    product_name: "canary-product",
    order_number: "CMD-CANARY",
    quantity: 42,
    unit_price: 42.42,
    total_amount: 1781.64,
    confirmed_at: "2026-11-22T04:42:42+00:00",
  };
  const content = envelope([delivery({ route: "order_confirmation", record: order })], {
    destination: "elementor",
  });
  const shop = await send(content);
  const refused = await send(
    envelope([delivery({ record: { ...record, email: 42, phone: null } })]),
  );
  await logged(3);
  expect(lead.results[0]?.error).toContain("monelec answered 422: POST ");
  expect(shop.results[0]?.error).toContain("<ELEMENTOR_WEBHOOK_URL>");
  expect(refused.results[0]?.outcome).toBe("reject");
  const seen = [lead.text, shop.text, refused.text, ...fn.output].join("\n");
  // Labels and the id of the delivery aside, nothing may be left of the canaries.
  expect(seen).not.toMatch(/canary/i);
  for (const value of ["0600000042", "42042", "42.42", "1781.64", "0000000ca9a7", "04:42:42"]) {
    expect(seen).not.toContain(value);
  }
});

test("a log line says route, delivery, attempt, outcome, status, time and code", async () => {
  await send(envelope([delivery({ id: 77 })]));
  expect(await logged(1)).toEqual([
    {
      route: "lead",
      delivery_id: "77",
      attempt: 1,
      outcome: "delivered",
      status: 201,
      ms: expect.any(Number),
      error_code: null,
    },
  ]);
});

test("stop ends the process and frees its port", async () => {
  const short = await startFunction({ env: env() });
  const port = Number(new URL(short.url).port);
  await short.stop();
  await short.stop();
  expect(() => process.kill(short.pid, 0)).toThrow("ESRCH");
  await expect(connected(port)).rejects.toThrow("ECONNREFUSED");
});

test("a function that cannot start says why", async () => {
  const port = Number(new URL(fn.url).port);
  await expect(startFunction({ port, env: {} })).rejects.toThrow("AddrInUse");
});

function connected(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
