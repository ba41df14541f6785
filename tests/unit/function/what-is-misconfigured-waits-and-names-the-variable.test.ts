import { expect, test } from "vitest";
import type { EnvName } from "../../../supabase/functions/crm-sync/runtime.ts";
import { delivery, ENV, envelope, functionUnderTest } from "./envelopes.ts";

async function outcomeWith(changed: Partial<Record<EnvName, string | undefined>>, route = "lead") {
  const { send, calls } = functionUnderTest({ env: { ...ENV, ...changed } as typeof ENV });
  const destination = route === "order_confirmation" ? "elementor" : "monelec";
  const { results } = await send(envelope([delivery({ route })], { destination }));
  expect(calls).toEqual([]);
  return results[0];
}

test.each([
  ["MONELEC_API_KEY", undefined, "missing_secret", "lead"],
  ["MONELEC_API_KEY", " ", "missing_secret", "lead"],
  ["MONELEC_API_KEY", "clé-fake", "invalid_secret", "lead"],
  ["MONELEC_API_KEY", "two\nlines", "invalid_secret", "lead"],
  ["MONELEC_API_URL", "http://crm.test/api", "insecure_url", "lead"],
  ["MONELEC_API_URL", "http://127.0.0.1.crm.test/api", "insecure_url", "lead"],
  ["MONELEC_API_URL", "http://localhost.crm.test/api", "insecure_url", "lead"],
  ["MONELEC_API_URL", "ftp://127.0.0.1/api", "insecure_url", "lead"],
  ["MONELEC_API_URL", "crm.test/api", "invalid_url", "lead"],
  ["MONELEC_API_URL", "https://user:pass@crm.test/api", "invalid_url", "lead"],
  ["ELEMENTOR_WEBHOOK_URL", undefined, "missing_secret", "order_confirmation"],
  ["ELEMENTOR_WEBHOOK_URL", "http://shop.test/hidden", "insecure_url", "order_confirmation"],
  ["ELEMENTOR_WEBHOOK_URL", "hidden", "invalid_url", "order_confirmation"],
] as [EnvName, string | undefined, string, string][])(
  "%s as %j is %s",
  async (name, value, code, route) => {
    const result = await outcomeWith({ [name]: value }, route);
    expect(result).toMatchObject({ outcome: "misconfigured", status: null, error_code: code });
    expect(result?.error).toMatch(new RegExp(`^${name} `));
    if (value?.trim()) expect(result?.error).not.toContain(value);
  },
);

test("one receiver's missing secret does not stop the other", async () => {
  const env = { ...ENV, ELEMENTOR_WEBHOOK_URL: "" };
  const { send, calls } = functionUnderTest({ env });
  await send(envelope([delivery()]));
  expect(calls).toHaveLength(1);
});

test.each(["no_such_route", "constructor", "__proto__"])("the unknown route %s", async (route) => {
  const { send } = functionUnderTest();
  const { status, results } = await send(
    envelope([delivery({ route, record: {} }), delivery({ id: 2 })]),
  );
  expect(status).toBe(207);
  expect(results.map((result) => [result.outcome, result.error_code])).toEqual([
    ["misconfigured", "unknown_route"],
    ["delivered", null],
  ]);
});

test("a route that belongs to another destination than the envelope", async () => {
  const { send, calls } = functionUnderTest();
  const { results } = await send(envelope([delivery({ route: "order_confirmation" })]));
  expect(results[0]).toMatchObject({ outcome: "misconfigured", error_code: "wrong_destination" });
  expect(calls).toEqual([]);
});

test("a delivery that makes the function itself fail spoils no other", async () => {
  const { send } = functionUnderTest({
    answering: ({ headers }) => {
      if (headers.get("idempotency-key")?.endsWith("1")) return null as unknown as Response;
      return new Response();
    },
  });
  const { results } = await send(envelope([delivery({ id: 1 }), delivery({ id: 2 })]));
  expect(results.map((result) => [result.outcome, result.error_code])).toEqual([
    ["misconfigured", "internal_error"],
    ["delivered", null],
  ]);
});
