import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type RouteName, routes } from "../../../supabase/functions/crm-sync/routes.ts";
import { goldenCases } from "./golden.ts";

const contract = readFileSync(new URL("../../../docs/contract.md", import.meta.url), "utf8");

test.each(Object.keys(routes) as RouteName[])("%s", (route) => {
  const block = blockOf(route);
  const payload = goldenCases().find(
    (golden) => golden.route === route && golden.expected,
  )?.expected;
  const fields = (payload?.fields ?? payload) as Record<string, unknown>;
  const positions = Object.keys(fields).map((key) => block.search(new RegExp(`\\b${key}\\b`)));
  expect(positions).not.toContain(-1);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
});

test("the golden payloads have the keys that the payload schemas allow, and no others", () => {
  for (const { route, expected } of goldenCases().filter((golden) => golden.expected)) {
    expect(routes[route].payloadSchema.safeParse(expected).success).toBe(true);
    for (const key of Object.keys(expected ?? {})) {
      const { [key]: _, ...rest } = expected ?? {};
      expect(routes[route].payloadSchema.safeParse(rest).success).toBe(false);
    }
    expect(routes[route].payloadSchema.safeParse({ ...expected, more: 1 }).success).toBe(false);
  }
});

/** The lines of "Payloads" that list a route's fields. */
function blockOf(route: RouteName): string {
  const payloads = contract.split("## Payloads")[1]?.split("\n## ")[0] ?? "";
  if (route === "payment_status") {
    const extra = /`payment_status`: the whole `request` payload (.*)/.exec(payloads)?.[1] ?? "";
    return `${blockOf("request")}\n${extra.replace(/`payment_status: 'paid'`/, "")}`;
  }
  const heading = new RegExp(
    `^\`${route === "payment_intent" ? "payment_session" : route}\`.*$`,
    "m",
  );
  return payloads.slice(payloads.search(heading)).split("```")[1] ?? "";
}
