import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Receiver, startReceiver } from "../../../scripts/local/receiver/index.ts";
import * as payloads from "./payloads.ts";
import { post } from "./payloads.ts";

let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
beforeEach(() => receiver.reset());
afterAll(() => receiver.stop());

test.each([
  ["/leads", payloads.lead, 201, `lovable_lead_id:${payloads.LEAD_ID}`],
  ["/requests", payloads.request, 201, `lovable_request_id:${payloads.REQUEST_ID}`],
  ["/requests", payloads.paymentStatus, 201, `lovable_request_id:${payloads.REQUEST_ID}`],
  ["/payment-session", payloads.paymentSession, 201, `lovable_payment_id:${payloads.PAYMENT_ID}`],
  ["/payment-intent", payloads.paymentIntent, 201, `lovable_payment_id:${payloads.PAYMENT_ID}`],
  ["/elementor-webhook", payloads.orderConfirmation, 200, "order_number:CMD-000123"],
])("%s takes a valid body", async (path, body, status, entity) => {
  const answer = await post(receiver, path, body);
  expect(await answer.json()).toEqual({ ok: true, entity, created: true });
  expect(answer.status).toBe(status);
  expect(receiver.violations).toEqual([]);
  expect([...receiver.effects.keys()]).toEqual([entity]);
  expect(receiver.effects.get(entity)?.lastBody).toEqual(body);
});

test("a second body for a known id is an update that keeps what it does not name", async () => {
  const keys = [randomUUID(), randomUUID()] as const;
  await post(receiver, "/requests", payloads.paymentStatus, { key: keys[0] });
  const later = { ...payloads.request, payment_status: "paid", status: "validated" };
  const answer = await post(receiver, "/requests", later, { key: keys[1] });
  expect(answer.status).toBe(200);
  const effect = receiver.effects.get(`lovable_request_id:${payloads.REQUEST_ID}`);
  expect(effect?.state).toEqual({ ...payloads.paymentStatus, status: "validated" });
  expect(effect?.keys).toEqual(keys);
});

test("a call is kept with everything but the key", async () => {
  const key = randomUUID();
  await post(receiver, "/leads", payloads.lead, { key });
  await receiver.waitUntil(() => receiver.calls[0]?.closedAt !== null);
  expect(receiver.calls).toHaveLength(1);
  expect(receiver.calls[0]).toMatchObject({
    number: 1,
    method: "POST",
    path: "/api/external/leads",
    destination: "monelec",
    idempotencyKey: key,
    subject: `lead:${payloads.LEAD_ID}`,
    body: payloads.lead,
    status: 201,
    effect: true,
    repeat: false,
    injected: false,
  });
  expect(JSON.stringify(receiver.calls)).not.toContain(receiver.apiKey);
});
