import { expect, test } from "vitest";
import { delivery, envelope, functionUnderTest } from "./envelopes.ts";
import { goldenCases, goldenRecord } from "./golden.ts";

async function resultOf(route: string, record: unknown) {
  const { send, calls } = functionUnderTest();
  const destination = route === "order_confirmation" ? "elementor" : "monelec";
  const { results } = await send(envelope([delivery({ route, record })], { destination }));
  expect(calls).toEqual([]);
  return results[0];
}

test.each([
  ["lead", { email: null, phone: " " }, "email: expected an email or a phone"],
  ["request", { customer: null }, "customer_id: expected an existing customer"],
  ["payment_session", { request_id: null }, "request_id: expected the request that is paid"],
  ["payment_status", { amount: -1 }, "amount: expected a whole number of at least 0"],
  ["order_confirmation", { order_number: "" }, "order_number: expected an order number"],
  [
    "order_confirmation",
    { quantity: 0, unit_price: null, total_amount: "NaN" },
    "quantity: expected a whole number of at least 1; unit_price: expected a number of at least 0; total_amount: expected a number of at least 0",
  ],
  ["lead", { id: null }, "id: expected an id"],
  ["lead", { utm_source: 7 }, "utm_source: expected text or null"],
  ["lead", { utm_source: undefined }, "utm_source: expected text or null"],
  ["request", { is_viabilise: "yes" }, "is_viabilise: expected true, false or null"],
])("%s with %j: %s", async (route, changed, error) => {
  const record = { ...goldenRecord(route as "lead"), ...changed };
  expect(await resultOf(route, record)).toEqual({
    delivery_id: 1,
    outcome: "reject",
    status: null,
    retry_after: null,
    error_code: "invalid_record",
    error,
  });
});

test("an unusable time of the change is named when the order has no other", async () => {
  const record = { ...goldenRecord("order_confirmation"), confirmed_at: null };
  const { send } = functionUnderTest();
  const content = envelope(
    [delivery({ route: "order_confirmation", record, captured_at: "infinity" })],
    { destination: "elementor" },
  );
  expect((await send(content)).results[0]).toMatchObject({
    error_code: "invalid_record",
    error: "confirmed_at: expected a time from year 0 to 9999",
  });
});

test.each([[true], ["text"], [[]]])("a record that is %j", async (record) => {
  expect(await resultOf("lead", record)).toMatchObject({
    outcome: "reject",
    error: "record: expected a row as an object",
  });
});

test("no refusal of the golden cases shows a value of its record", async () => {
  for (const { route, record, refused } of goldenCases()) {
    if (!refused) continue;
    const result = await resultOf(route, record);
    expect(result?.error).toContain(refused.field);
    for (const value of textsOf(record)) expect(result?.error).not.toContain(value);
  }
});

function textsOf(value: unknown): string[] {
  if (typeof value === "string") return value.length > 3 && value !== "confirmed" ? [value] : [];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}
