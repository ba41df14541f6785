import { expect, test } from "vitest";
import { type RouteName, routes } from "../../../supabase/functions/crm-sync/routes.ts";
import { delivery, ENV, envelope, functionUnderTest } from "./envelopes.ts";

const CRM = "https://crm.test/api/external";

test.each([
  ["lead", `${CRM}/leads`],
  ["request", `${CRM}/requests`],
  ["payment_session", `${CRM}/payment-session`],
  ["payment_intent", `${CRM}/payment-intent`],
  ["payment_status", `${CRM}/requests`],
  ["order_confirmation", ENV.ELEMENTOR_WEBHOOK_URL],
] as [RouteName, string][])("%s goes to %s", async (route, url) => {
  const { send, calls } = functionUnderTest();
  const { destination } = routes[route];
  await send(envelope([delivery({ route, idempotency_key: "key-1" })], { destination }));
  expect(calls.map((call) => call.url)).toEqual([url]);
  expect(calls[0]?.init).toMatchObject({ method: "POST", redirect: "manual" });
  expect(Object.fromEntries(calls[0]?.headers ?? [])).toEqual({
    "content-type": "application/json",
    "idempotency-key": "key-1",
    ...(destination === "monelec" && { "x-api-key": ENV.MONELEC_API_KEY }),
  });
});

test("each attempt of a delivery has the same key and the same bytes", async () => {
  const { send, calls } = functionUnderTest();
  await send(envelope([delivery()]));
  await send(envelope([{ ...delivery(), attempt: 2 }]));
  expect(calls[1]?.body).toBe(calls[0]?.body);
  expect(calls[1]?.headers.get("idempotency-key")).toBe(calls[0]?.headers.get("idempotency-key"));
});

test.each([
  [undefined, "https://monelec.net/api/external/leads"],
  ["", "https://monelec.net/api/external/leads"],
  ["https://crm.test", "https://crm.test/leads"],
  ["https://crm.test/v2///", "https://crm.test/v2/leads"],
  ["https://crm.test/v2?tenant=7", "https://crm.test/v2/leads?tenant=7"],
  ["http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api/leads"],
  ["http://localhost/api", "http://localhost/api/leads"],
  ["http://[::1]:1/api", "http://[::1]:1/api/leads"],
])("MONELEC_API_URL %j makes %s", async (value, url) => {
  const { send, calls } = functionUnderTest({
    env: { ...ENV, MONELEC_API_URL: value } as typeof ENV,
  });
  await send(envelope([delivery()]));
  expect(calls.map((call) => call.url)).toEqual([url]);
});

test.each([
  [undefined, "https://www.demande-raccordement.fr/paiement/retour"],
  [" ", "https://www.demande-raccordement.fr/paiement/retour"],
  ["https://staging.test/", "https://staging.test/paiement/retour"],
])("SITE_URL %j makes the return_url %s", async (value, url) => {
  const { send, calls } = functionUnderTest({ env: { ...ENV, SITE_URL: value } as typeof ENV });
  await send(envelope([delivery({ route: "payment_session" })]));
  expect(JSON.parse(calls[0]?.body ?? "").return_url).toBe(url);
});
