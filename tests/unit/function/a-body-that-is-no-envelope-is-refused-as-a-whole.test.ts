import { expect, test } from "vitest";
import { ENVELOPE_LIMIT } from "../../../supabase/functions/crm-sync/envelope.ts";
import { stringifyJson } from "../../../supabase/functions/crm-sync/json.ts";
import { delivery, envelope, functionUnderTest, requestOf, signed } from "./envelopes.ts";

async function refusalOf(body: string) {
  const { handler, calls } = functionUnderTest();
  const response = await handler(requestOf(body));
  expect(calls).toEqual([]);
  return { status: response.status, json: await response.json() };
}

test.each([
  ["nothing", ""],
  ["no JSON", "version=1"],
  ["half an object", '{"version":1'],
  ["a number no JSON knows", '{"version":1,"x":NaN}'],
  ["200 kB of opening brackets", "[".repeat(200_000)],
  ["200 kB of nested objects", '{"a":'.repeat(40_000)],
  ["an array", "[]"],
  ["null", "null"],
])("%s", async (_, body) => {
  expect(await refusalOf(body)).toMatchObject({ status: 400, json: { error: "malformed" } });
});

test.each([
  ["version", envelope([delivery()], { version: undefined })],
  ["version", envelope([delivery()], { version: "1" })],
  ["expires_at", envelope([delivery()], { expires_at: "soon" })],
  ["expires_at", envelope([delivery()], { expires_at: undefined })],
  ["destination", envelope([delivery()], { destination: null })],
  ["deliveries", envelope([])],
  ["deliveries", envelope([], { deliveries: {} })],
  ["deliveries.1.id", envelope([delivery(), { ...delivery(), id: "2" }])],
  ["deliveries.0.attempt", envelope([{ ...delivery(), attempt: -1 }])],
  ["deliveries.0.idempotency_key", envelope([delivery({ idempotency_key: "two\r\nlines" })])],
  ["deliveries.0.ordering_key", envelope([{ ...delivery(), ordering_key: undefined }])],
  ["deliveries.0.timeout_ms", envelope([delivery({ timeout_ms: 1.5 })])],
])("%s is named where it is wrong", async (field, content) => {
  const refusal = await refusalOf(stringifyJson(content));
  expect(refusal.status).toBe(400);
  expect(refusal.json).toEqual({
    error: "malformed",
    hint: expect.stringMatching(new RegExp(`^${field.replaceAll(".", "\\.")}: `)),
  });
});

test("an unknown version says which one is known", async () => {
  expect(await refusalOf(stringifyJson(envelope([delivery()], { version: 2 })))).toEqual({
    status: 400,
    json: { error: "unknown_version", hint: expect.stringContaining("version 1") },
  });
});

test("fields of a newer database are ignored", async () => {
  const content = envelope([{ ...delivery(), newer: [{}] }], { newer: { than: 1 } });
  expect((await functionUnderTest().send(content)).status).toBe(200);
});

test("a body deep in an ignored field neither crashes nor matters", async () => {
  const deep = `${"[".repeat(500)}${"]".repeat(500)}`;
  const body = stringifyJson(envelope([delivery()])).replace(
    '"version":1',
    `"version":1,"x":${deep}`,
  );
  const response = await functionUnderTest().handler(requestOf(body));
  expect(response.status).toBe(200);
});

test("a body over the limit is refused by what it announces", async () => {
  const body = "x".repeat(10);
  const headers = { ...signed(body), "content-length": String(ENVELOPE_LIMIT + 1) };
  const response = await functionUnderTest().handler(requestOf(body, headers));
  expect(response.status).toBe(413);
  expect(await response.json()).toMatchObject({ error: "too_large" });
});

test("a body over the limit is counted while it streams, and not read to its end", async () => {
  let pulled = 0;
  const chunk = new TextEncoder().encode(" ".repeat(100_000));
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled += chunk.byteLength;
      controller.enqueue(chunk);
    },
  });
  const request = new Request("https://function.test/", {
    method: "POST",
    headers: signed("x"),
    body: endless,
    duplex: "half",
  } as RequestInit);
  const response = await functionUnderTest().handler(request);
  expect(response.status).toBe(413);
  expect(pulled).toBeLessThan(ENVELOPE_LIMIT + 500_000);
});

test("a body of exactly the limit is read", async () => {
  const content = stringifyJson(envelope([delivery()]));
  const padded = content + " ".repeat(ENVELOPE_LIMIT - Buffer.byteLength(content));
  expect((await functionUnderTest().handler(requestOf(padded))).status).toBe(200);
  expect((await functionUnderTest().handler(requestOf(`${padded} `))).status).toBe(413);
});

test("ids of 19 digits come back with all of them", async () => {
  const body = stringifyJson(envelope([delivery()])).replace(
    '"id":1,',
    '"id":9007199254740993123,',
  );
  const response = await functionUnderTest().handler(requestOf(body));
  expect(await response.text()).toContain('"delivery_id":9007199254740993123,');
});
