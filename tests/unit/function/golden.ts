import { readdirSync, readFileSync } from "node:fs";
import { parseJson } from "../../../supabase/functions/crm-sync/json.ts";
import type { RouteName } from "../../../supabase/functions/crm-sync/routes.ts";

/** A record and what the contract makes of it. Numbers keep their digits. */
export type GoldenCase = {
  route: RouteName;
  name: string;
  captured_at: string;
  record: Record<string, unknown>;
  expected?: Record<string, unknown>;
  refused?: { field: string };
};

const FOLDER = new URL("../../golden/", import.meta.url);

/** Every case of tests/golden, which is written from the contract and never from the mappers' output. */
export function goldenCases(): GoldenCase[] {
  return cases;
}

const cases = readCases();

function readCases(): GoldenCase[] {
  return readdirSync(FOLDER).flatMap((route) =>
    readdirSync(new URL(`${route}/`, FOLDER))
      .filter((file) => file.endsWith(".json"))
      .map((file) => ({
        captured_at: "2026-11-22T03:01:37.123456Z",
        ...(parseJson(readFileSync(new URL(`${route}/${file}`, FOLDER), "utf8")) as object),
        route,
      })),
  ) as GoldenCase[];
}

/** The first sendable golden record of a route. */
export function goldenRecord(route: RouteName): Record<string, unknown> {
  const found = goldenCases().find((golden) => golden.route === route && golden.expected);
  if (!found) throw new Error(`no golden record of ${route}`);
  return found.record;
}
