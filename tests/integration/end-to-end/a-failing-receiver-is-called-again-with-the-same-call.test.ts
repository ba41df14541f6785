import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Harness, startHarness } from "./harness.ts";
import { LEAD } from "./rows.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});

beforeEach(async () => {
  harness.receiver.clearFaults();
  await harness.query("select crm_sync._close_breaker(breaker, now()) from crm_sync.breakers");
});

afterAll(() => harness.stop());

test.each([
  [
    "answers 503",
    { status: 503 },
    { last_outcome: "retry", last_error_code: "receiver_status_503" },
  ],
  [
    "answers 429",
    { status: 429 },
    { last_outcome: "retry", last_error_code: "receiver_status_429" },
  ],
  ["breaks the connection", { reset: true }, { last_outcome: "retry", last_status: null }],
  [
    "breaks it after its work, in the middle of its answer",
    { half: true },
    { last_outcome: "delivered" },
  ],
])(
  "a receiver that %s once gets the same key and the same body again, and one effect",
  async (_, fault, expected) => {
    const email = `once-${Math.random()}@example.test`;
    harness.receiver.respondWith({ bodyIncludes: email, times: 1, ...fault });
    const id = await harness.insert("leads", { ...LEAD, email });
    if (expected.last_outcome !== "delivered") {
      expect(await harness.failedOnce(id)).toMatchObject({ attempt_count: 1, ...expected });
      await harness.tickLater("1 hour");
    }
    const [delivery] = await harness.settled(id);
    expect(delivery?.status).toBe("delivered");
    const calls = harness.calls(id);
    expect(new Set(calls.map(({ text, idempotencyKey }) => text + idempotencyKey)).size).toBe(1);
    expect(calls.filter(({ effect }) => effect)).toHaveLength(1);
    expect(calls).toHaveLength(delivery?.attempt_count ?? 0);
  },
);

test("Retry-After puts the next attempt off", async () => {
  harness.receiver.respondWith({ bodyIncludes: "later@", times: 1, status: 503, retryAfter: 600 });
  const id = await harness.insert("leads", { ...LEAD, email: "later@example.test" });
  await harness.failedOnce(id);
  const [{ wait } = {}] = await harness.query(
    `select extract(epoch from next_attempt_at - clock_timestamp())::int as wait
     from crm_sync.delivery_log where row_id = $1`,
    [id],
  );
  expect(wait).toBeGreaterThan(550);
  await harness.tickLater("1 hour");
  expect(await harness.settled(id)).toMatchObject([{ status: "delivered", attempt_count: 2 }]);
});

test("a receiver that refuses the row makes it dead at once, and mending the row delivers it", async () => {
  harness.receiver.respondWith({ bodyIncludes: "refused@", status: 422, echo: true });
  const id = await harness.insert("leads", { ...LEAD, email: "refused@example.test" });
  const [delivery] = await harness.settled(id);
  expect(delivery).toMatchObject({ status: "dead", attempt_count: 1, last_status: 422 });
  expect(delivery?.last_error).toContain("<email>");
  expect(delivery?.last_error).not.toContain("refused@");
  await harness.update("leads", id, { email: "accepted@example.test" });
  expect((await harness.settled(id)).map(({ status }) => status)).toEqual([
    "superseded",
    "delivered",
  ]);
});

test("a redirect is not followed, waits as misconfigured, and uses up no attempt", async () => {
  harness.receiver.respondWith({ bodyIncludes: "moved@", times: 1, redirect: true });
  const id = await harness.insert("leads", { ...LEAD, email: "moved@example.test" });
  expect(await harness.failedOnce(id)).toMatchObject({
    last_outcome: "misconfigured",
    attempt_count: 0,
  });
  expect(harness.receiver.calls.map(({ path }) => path)).not.toContain("/__redirected");
  await harness.tickLater("1 hour");
  expect(await harness.settled(id)).toMatchObject([{ status: "delivered", attempt_count: 1 }]);
});

test("a newer state waits behind an attempted one, and both arrive in order", async () => {
  harness.receiver.respondWith({ bodyIncludes: "order@", times: 1, status: 503 });
  const id = await harness.insert("leads", { ...LEAD, email: "order@example.test" });
  await harness.failedOnce(id);
  await harness.update("leads", id, { source: "newer" });
  await harness.tickLater("1 hour");
  const found = await harness.settled(id);
  const delivered = found.filter(({ status }) => status === "delivered");
  expect(delivered.at(-1)?.delivery_id).toBe(found.at(-1)?.delivery_id);
  expect(harness.receiver.effects.get(`lovable_lead_id:${id}`)?.state.source).toBe("newer");
});

test("nothing but what was provoked has gone wrong", () => {
  expect(harness.receiver.violations).toEqual([]);
});
