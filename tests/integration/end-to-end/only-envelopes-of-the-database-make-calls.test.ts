import { randomUUID } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Harness, SIGNING_SECRET, startHarness } from "./harness.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});

afterAll(() => harness.stop());

const OTHER_SECRET = `whsec_${Buffer.from("obviously fake, and nobody's").toString("base64")}`;
const MINUTE_MS = 60_000;

function envelope(expiresIn = MINUTE_MS): string {
  const id = randomUUID();
  return JSON.stringify({
    version: 1,
    expires_at: new Date(Date.now() + expiresIn).toISOString(),
    destination: "monelec",
    deliveries: [
      {
        id: 1,
        route: "lead",
        attempt: 1,
        idempotency_key: randomUUID(),
        ordering_key: `lead:${id}`,
        captured_at: new Date().toISOString(),
        type: "INSERT",
        schema: "public",
        table: "leads",
        record: {
          ...{ id, email: "forged@example.test", phone: null, firstname: null, lastname: null },
          ...{ full_name: null, connection_type: null, postal_code: null, source: null },
          ...{ utm_source: null, utm_medium: null, utm_campaign: null },
        },
      },
    ],
  });
}

interface Signed {
  secret?: string;
  at?: Date;
  id?: string;
}

function headers(
  body: string,
  { secret = SIGNING_SECRET, at = new Date(), id = randomUUID() }: Signed,
) {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
}

async function post(body: string, signed: Record<string, string>) {
  const response = await fetch(harness.functionServer.url, {
    method: "POST",
    headers: { "content-type": "application/json", ...signed },
    body,
  });
  return { status: response.status, answer: await response.json() };
}

test.each<[what: string, status: number, () => [body: string, signed: Record<string, string>]]>([
  ["unsigned", 401, () => [envelope(), {}]],
  [
    "signed with another secret",
    401,
    () => {
      const body = envelope();
      return [body, headers(body, { secret: OTHER_SECRET })];
    },
  ],
  ["altered after it was signed", 401, () => [envelope(), headers(envelope(), {})]],
  [
    "replayed after ten minutes",
    401,
    () => {
      const body = envelope();
      return [body, headers(body, { at: new Date(Date.now() - 10 * MINUTE_MS) })];
    },
  ],
  [
    "replayed after it has expired",
    409,
    () => {
      const body = envelope(-1_000);
      return [body, headers(body, {})];
    },
  ],
])("an envelope that is %s makes no call and is answered %i", async (_, status, make) => {
  const before = harness.receiver.calls.length;
  expect(await post(...make())).toMatchObject({ status });
  expect(harness.receiver.calls).toHaveLength(before);
});

test("an envelope replayed within its minutes repeats its call, under the same key, without effect", async () => {
  const body = envelope();
  const signed = headers(body, {});
  expect(await post(body, signed)).toMatchObject({ status: 200 });
  expect(await post(body, signed)).toMatchObject({ status: 200 });
  const calls = harness.receiver.calls.slice(-2);
  expect(calls.map(({ effect, repeat }) => [effect, repeat])).toEqual([
    [true, false],
    [false, true],
  ]);
  expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
});
