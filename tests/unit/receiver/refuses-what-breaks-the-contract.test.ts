import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Receiver, startReceiver } from "../../../scripts/local/receiver/index.ts";
import * as payloads from "./payloads.ts";
import { post } from "./payloads.ts";

let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
beforeEach(() => receiver.reset());
afterAll(() => receiver.stop());

const order = (fields: Record<string, unknown>) => ({
  ...payloads.orderConfirmation,
  fields: { ...payloads.orderConfirmation.fields, ...fields },
});
const without = (body: Record<string, unknown>, field: string) =>
  Object.fromEntries(Object.entries(body).filter(([name]) => name !== field));

describe.each([
  ["/leads", payloads.lead],
  ["/requests", payloads.request],
  ["/requests", payloads.paymentStatus],
  ["/payment-session", payloads.paymentSession],
  ["/payment-intent", payloads.paymentIntent],
] as const)("%s", (path, valid) => {
  test.each(Object.keys(valid))("wants %s, and nothing unknown beside it", async (field) => {
    const missing = await post(receiver, path, without(valid, field));
    expect(missing.status).toBe(422);
    expect(await missing.json()).toMatchObject({
      fields: expect.arrayContaining([{ field: `/${field}`, expected: "required" }]),
    });
    const unknown = await post(receiver, path, { ...valid, [`${field}_`]: null });
    expect(await unknown.json()).toMatchObject({
      fields: [{ field: `/${field}_`, expected: "additionalProperties" }],
    });
  });

  test.each(Object.keys(valid))("wants %s without blank text", async (field) => {
    const answer = await post(receiver, path, { ...valid, [field]: " \u00a0" });
    expect(answer.status).toBe(422);
  });
});

test.each(Object.keys(payloads.orderConfirmation.fields))("an order wants %s", async (field) => {
  const fields = without(payloads.orderConfirmation.fields, field);
  const answer = await post(receiver, "/elementor-webhook", {
    ...payloads.orderConfirmation,
    fields,
  });
  expect(await answer.json()).toMatchObject({
    fields: [{ field: `/fields/${field}`, expected: "required" }],
  });
});

test.each([
  ["/leads", { ...payloads.lead, serviceType: null }, "/serviceType"],
  ["/leads", { ...payloads.lead, source: null }, "/source"],
  ["/leads", { ...payloads.lead, lovable_lead_id: "1" }, "/lovable_lead_id"],
  ["/leads", { ...payloads.lead, postalCode: 1000 }, "/postalCode"],
  ["/leads", { ...payloads.lead, email: null, phone: null }, "/email"],
  ["/leads", { ...payloads.lead, full_name: null }, "/firstName"],
  ["/leads", { ...payloads.lead, firstName: null, lastName: null }, "/firstName"],
  ["/requests", { ...payloads.request, phone: null }, "/phone"],
  ["/requests", { ...payloads.request, customer_id: null }, "/customer_id"],
  ["/requests", { ...payloads.request, status: "draft" }, "/status"],
  ["/requests", { ...payloads.request, status: null }, "/status"],
  ["/requests", { ...payloads.request, payment_status: "succeeded" }, "/payment_status"],
  ["/requests", { ...payloads.request, power_kva: "12.5" }, "/power_kva"],
  ["/requests", { ...payloads.request, is_viabilise: "false" }, "/is_viabilise"],
  ["/requests", { ...payloads.paymentStatus, payment_status: "pending" }, "/payment_status"],
  ["/requests", { ...payloads.paymentStatus, amount: null }, "/amount"],
  ["/payment-session", { ...payloads.paymentSession, amount: -1 }, "/amount"],
  ["/payment-session", { ...payloads.paymentSession, amount: 129.5 }, "/amount"],
  [
    "/payment-session",
    { ...payloads.paymentSession, payment_session_id: null },
    "/payment_session_id",
  ],
  [
    "/payment-session",
    { ...payloads.paymentSession, return_url: "/paiement/retour" },
    "/return_url",
  ],
  [
    "/payment-session",
    { ...payloads.paymentSession, return_url: "https://a.test//paiement/retour" },
    "/return_url",
  ],
  ["/payment-intent", { ...payloads.paymentIntent, payment_intent_id: null }, "/payment_intent_id"],
  [
    "/payment-intent",
    { ...payloads.paymentIntent, payment_session_id: "cs_1" },
    "/payment_session_id",
  ],
  ["/elementor-webhook", { ...payloads.orderConfirmation, form_name: "contact" }, "/form_name"],
  ["/elementor-webhook", order({ status: "shipped" }), "/fields/status"],
  ["/elementor-webhook", order({ quantity: 0 }), "/fields/quantity"],
  ["/elementor-webhook", order({ unit_price: "19.90" }), "/fields/unit_price"],
  ["/elementor-webhook", order({ total_amount: -0.01 }), "/fields/total_amount"],
  [
    "/elementor-webhook",
    order({ confirmed_at: "2026-01-02T03:04:05+01:00" }),
    "/fields/confirmed_at",
  ],
  ["/elementor-webhook", order({ confirmed_at: null }), "/fields/confirmed_at"],
])("%s names the field at fault in %j", async (path, body, field) => {
  const answer = await post(receiver, path, body);
  expect(answer.status).toBe(422);
  const { fields } = (await answer.json()) as { fields: { field: string }[] };
  expect(fields.map((fault) => fault.field)).toContain(field);
  expect(receiver.violations.map(({ kind }) => kind)).toEqual(["schema"]);
  expect(receiver.effects.size).toBe(0);
});

test("a number that a double cannot hold is named", async () => {
  const body = JSON.stringify(payloads.request).replace("12.5", "9007199254740993");
  const answer = await post(receiver, "/requests", body);
  expect(await answer.json()).toMatchObject({
    fields: [{ expected: "a number that a double can hold, not 9007199254740993" }],
  });
});

test("the scale of a numeric is no reason to refuse", async () => {
  const body = JSON.stringify(payloads.orderConfirmation).replaceAll("19.9", "19.90");
  expect((await post(receiver, "/elementor-webhook", body)).status).toBe(200);
});
