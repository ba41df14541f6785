import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Receiver, startReceiver } from "../../../scripts/local/receiver/index.ts";
import * as payloads from "./payloads.ts";
import { post } from "./payloads.ts";

const ENTITY = `lovable_lead_id:${payloads.LEAD_ID}`;

let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
beforeEach(() => receiver.reset());
afterAll(() => receiver.stop());

test("the same body again gets the same answer and no second effect", async () => {
  const key = randomUUID();
  const first = await post(receiver, "/leads", payloads.lead, { key });
  const second = await post(receiver, "/leads", payloads.lead, { key });
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(await second.text()).toBe(await first.text());
  expect(receiver.effects.get(ENTITY)?.keys).toEqual([key]);
  expect(receiver.calls.map(({ repeat, effect }) => ({ repeat, effect }))).toEqual([
    { repeat: false, effect: true },
    { repeat: true, effect: false },
  ]);
  expect(receiver.violations).toEqual([]);
});

test("a repeat that comes late does not put back an older state", async () => {
  const key = randomUUID();
  await post(receiver, "/leads", payloads.lead, { key });
  await post(receiver, "/leads", { ...payloads.lead, postalCode: "69000" });
  await post(receiver, "/leads", payloads.lead, { key });
  expect(receiver.effects.get(ENTITY)?.state.postalCode).toBe("69000");
});

test("another body under a known key is refused", async () => {
  const key = randomUUID();
  await post(receiver, "/leads", payloads.lead, { key });
  const answer = await post(receiver, "/leads", { ...payloads.lead, postalCode: "69000" }, { key });
  expect(answer.status).toBe(409);
  expect(receiver.violations.map(({ kind }) => kind)).toEqual(["idempotency_key_reused"]);
  expect(receiver.effects.get(ENTITY)?.state.postalCode).toBe("01000");
});

test("a body that changes between failed attempts is seen", async () => {
  const key = randomUUID();
  receiver.respondWith({ status: 503, times: 1 });
  await post(receiver, "/leads", payloads.lead, { key });
  const answer = await post(receiver, "/leads", { ...payloads.lead, postalCode: "69000" }, { key });
  expect(answer.status).toBe(409);
});

test("one key for two paths is refused", async () => {
  const key = randomUUID();
  await post(receiver, "/payment-session", payloads.paymentSession, { key });
  const answer = await post(receiver, "/payment-intent", payloads.paymentIntent, { key });
  expect(answer.status).toBe(409);
});
