import { describe, expect, test } from "vitest";
import { stringifyJson } from "../../../supabase/functions/crm-sync/json.ts";
import { type RouteName, routes } from "../../../supabase/functions/crm-sync/routes.ts";
import { siteUrl } from "../../../supabase/functions/crm-sync/site.ts";
import { goldenCases } from "./golden.ts";

const site = siteUrl(() => undefined);

describe.each(Object.keys(routes) as RouteName[])("%s", (route) => {
  const cases = goldenCases().filter((golden) => golden.route === route);

  test("has at least eight golden cases", () => {
    expect(cases.length).toBeGreaterThanOrEqual(8);
  });

  test.each(cases.filter((golden) => golden.expected))("$name", (golden) => {
    const prepare = () =>
      routes[route].prepare(golden.record, { capturedAt: golden.captured_at, site });
    const prepared = prepare();
    expect(prepared).toEqual({ payload: golden.expected });
    // Byte for byte: the keys' order and the numbers' digits too, on each attempt.
    const sent = () => stringifyJson((prepare() as { payload: object }).payload);
    expect(sent()).toBe(stringifyJson(golden.expected ?? {}));
    expect(sent()).toBe(sent());
  });

  test.each(cases.filter((golden) => golden.refused))("$name", (golden) => {
    const prepared = routes[route].prepare(golden.record, {
      capturedAt: golden.captured_at,
      site,
    });
    expect(prepared).toEqual({
      fault: "invalid_record",
      refusals: expect.arrayContaining([
        { field: golden.refused?.field, expected: expect.stringMatching(/^(an?|the) /) },
      ]),
    });
    expect((prepared as { refusals: { field: string }[] }).refusals[0]?.field).toBe(
      golden.refused?.field,
    );
  });
});
