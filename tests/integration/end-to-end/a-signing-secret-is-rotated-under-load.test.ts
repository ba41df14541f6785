/** The runbook's rotation, step by step, while rows are written: function with both, Vault with the new one, function with that alone. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Harness, SIGNING_SECRET, startFunctionFor, startHarness } from "./harness.ts";

const NEW_SECRET = `whsec_${Buffer.from("obviously fake, and the newer one of two").toString("base64")}`;

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});

afterAll(() => harness?.stop());

test("each row arrives once, at its first attempt", async () => {
  const ids: string[] = [];
  const writing = new AbortController();
  const writer = (async () => {
    while (!writing.signal.aborted) {
      ids.push(await harness.insert("leads", { email: `lead-${ids.length}@example.test` }));
      await sleep(20);
    }
  })();
  const step = () => sleep(3_000);

  await step();
  const both = await startFunctionFor(harness.receiver, {
    signingSecret: `${NEW_SECRET} ${SIGNING_SECRET}`,
  });
  await harness.point(both.url, SIGNING_SECRET);
  await step();
  await harness.point(both.url, NEW_SECRET);
  await step();
  const alone = await startFunctionFor(harness.receiver, { signingSecret: NEW_SECRET });
  await harness.point(alone.url, NEW_SECRET);
  await step();
  writing.abort();
  await writer;

  const deliveries = await harness.settled(...ids);
  expect(deliveries.length).toBe(ids.length);
  const ends = new Set(deliveries.map(({ status, attempt_count }) => `${status} ${attempt_count}`));
  expect([...ends]).toEqual(["delivered 1"]);
  const keys = harness.receiver.calls.map(({ idempotencyKey }) => idempotencyKey);
  expect(new Set(keys).size).toBe(ids.length);
  expect(keys.length).toBe(ids.length);
  const envelopes = await harness.query(
    "select status, count(*)::int from crm_sync.envelopes group by status",
  );
  expect(envelopes).toEqual([{ status: "answered", count: expect.any(Number) }]);
  await both.stop();
  await alone.stop();
}, 90_000);
