import { expect, test } from "vitest";
import type { DryRunResult } from "../../../supabase/functions/crm-sync/dry-run.ts";
import { delivery, ENV, ENVELOPE_ID, envelope, functionUnderTest } from "./envelopes.ts";
import { goldenRecord } from "./golden.ts";

const dry = (deliveries: object[]) =>
  envelope(deliveries, { dry_run: true, destination: "dry_run" });

async function ask(deliveries: object[], options?: Parameters<typeof functionUnderTest>[0]) {
  const { send, calls, lines } = functionUnderTest(options);
  const answer = await send(dry(deliveries));
  return { ...answer, calls, lines, results: answer.results as unknown as DryRunResult[] };
}

const LEAD = {
  ...(goldenRecord("lead") as object),
  ...{ email: "ada.lovelace@example.test", phone: "+33 6 12 34 56 78" },
  ...{ firstname: "Ada", lastname: "Lovelace-Éva", full_name: null },
  ...{ connection_type: null, postal_code: "01000", source: null },
};

test("the payload comes back, its values masked, words of the mapper's own in clear", async () => {
  const { status, headers, results, calls } = await ask([delivery({ id: 1, record: LEAD })]);
  expect(status).toBe(200);
  expect(headers.get("webhook-id")).toBe(ENVELOPE_ID);
  expect(headers.get("webhook-signature")).toMatch(/^v1,/);
  expect(results).toMatchObject([
    {
      ...{ delivery_id: 1, route: "lead", would: "send", destination: "monelec", path: "/leads" },
      ...{ error_code: null, error: null },
      payload: {
        email: "xxx.xxxxxxxx@xxxxxxx.xxxx",
        phone: "+00 0 00 00 00 00",
        firstName: "xxx",
        lastName: "xxxxxxxx-xxx",
        full_name: "xxx xxxxxxxx-xxx",
        serviceType: "non-specifie",
        postalCode: "00000",
        source: "lovable-website",
        utm_source: null,
      },
    },
  ]);
  expect(calls).toEqual([]);
});

test("neither answer nor log holds a value of the record", async () => {
  const { body, lines } = await ask([delivery({ record: LEAD })]);
  for (const text of [body, ...lines]) {
    expect(text).not.toMatch(/lovelace|example\.test|12 34|01000/i);
  }
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { dry_run: "lead", would: "send", error_code: null },
  ]);
});

test("numbers are told as numbers, without their digits", async () => {
  const { results } = await ask([delivery({ route: "order_confirmation" })]);
  expect(results[0]).toMatchObject({
    destination: "elementor",
    payload: { form_name: "order_confirmation", fields: { quantity: "<number>" } },
  });
});

test("a word that stands in the record is masked, whatever it looks like", async () => {
  const record = { ...LEAD, source: "bonjour", connection_type: "Specifie" };
  const { results } = await ask([delivery({ record })]);
  expect(results[0]?.payload).toMatchObject({ source: "xxxxxxx", serviceType: "xxxxxxxx" });
});

test("a record that would be refused says which field", async () => {
  const { results, calls } = await ask([
    delivery({ record: { ...LEAD, email: null, phone: " " } }),
  ]);
  expect(results).toMatchObject([
    {
      ...{ would: "reject", payload: null, error_code: "invalid_record" },
      error: "email: expected an email or a phone",
    },
  ]);
  expect(calls).toEqual([]);
});

test("a missing secret is told beside the payload", async () => {
  const { MONELEC_API_KEY: _, ...env } = ENV;
  const { results } = await ask([delivery()], { env });
  expect(results[0]).toMatchObject({ would: "misconfigured", error_code: "missing_secret" });
  expect(results[0]?.payload).not.toBeNull();
});

test("a route that the function does not know", async () => {
  const { results } = await ask([delivery({ route: "leed", record: LEAD })]);
  expect(results).toMatchObject([{ would: "misconfigured", error_code: "unknown_route" }]);
});

test("a function that knows no dry runs sends nothing of one: its destination has no routes", async () => {
  const { send, calls } = functionUnderTest();
  const answer = await send(envelope([delivery()], { destination: "dry_run" }));
  expect(answer.results).toMatchObject([
    { outcome: "misconfigured", error_code: "wrong_destination" },
  ]);
  expect(calls).toEqual([]);
});

test("asked for whole, the payload comes back in clear, and still nobody is called", async () => {
  const { send, calls, lines } = functionUnderTest();
  const whole = envelope([delivery({ record: LEAD })], {
    dry_run: "whole",
    destination: "dry_run",
  });
  const { results } = await send(whole);
  expect(results).toMatchObject([{ payload: { email: "ada.lovelace@example.test" } }]);
  expect(calls).toEqual([]);
  expect(lines.join()).not.toContain("ada.lovelace");
});
