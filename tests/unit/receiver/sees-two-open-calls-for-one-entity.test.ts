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

test("two calls at once for one lead overlap", async () => {
  receiver.setLatency(30);
  await Promise.all([
    post(receiver, "/leads", payloads.lead),
    post(receiver, "/leads", payloads.lead),
  ]);
  expect(receiver.overlaps).toEqual([{ subject: `lead:${payloads.LEAD_ID}`, calls: [1, 2] }]);
  expect(receiver.violations.map(({ kind }) => kind)).toEqual(["overlap"]);
});

test("a payment overlaps with the request that it is ordered with", async () => {
  receiver.setLatency(30);
  await Promise.all([
    post(receiver, "/requests", payloads.request),
    post(receiver, "/payment-session", payloads.paymentSession),
  ]);
  expect(receiver.overlaps.map(({ subject }) => subject)).toEqual([
    `request:${payloads.REQUEST_ID}`,
  ]);
});

test("calls one after another, and calls of two leads, do not overlap", async () => {
  const other = { ...payloads.lead, lovable_lead_id: payloads.ORDER_ID };
  receiver.setLatency(10);
  await Promise.all([post(receiver, "/leads", payloads.lead), post(receiver, "/leads", other)]);
  await post(receiver, "/leads", payloads.lead);
  expect(receiver.overlaps).toEqual([]);
});

test("a call whose caller gave up is open no more", async () => {
  receiver.respondWith({ hang: true, times: 1 });
  const caller = new AbortController();
  const given = post(receiver, "/leads", payloads.lead, { signal: caller.signal });
  await receiver.waitUntil(() => receiver.calls.length === 1);
  caller.abort();
  await expect(given).rejects.toThrow("abort");
  await receiver.waitUntil(() => receiver.calls[0]?.closedAt !== null);
  await post(receiver, "/leads", payloads.lead);
  expect(receiver.overlaps).toEqual([]);
  expect(receiver.calls.map(({ status }) => status)).toEqual([null, 201]);
});
