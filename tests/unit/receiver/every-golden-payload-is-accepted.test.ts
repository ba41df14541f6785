import { expect, test } from "vitest";
import { breaches } from "../../../scripts/local/receiver/contract.ts";
import { stringifyJson } from "../../../supabase/functions/crm-sync/json.ts";
import { goldenCases } from "../function/golden.ts";

/** Two readings of one contract, each written without the other: the golden files and the receiver's schemas. */
const sendable = goldenCases().flatMap(({ route, name, expected }) =>
  expected ? [{ route, name, payload: JSON.parse(stringifyJson(expected)) as unknown }] : [],
);

test.each(sendable)("$route: $name", ({ route, payload }) => {
  expect(breaches(route.replace("_", "-"), payload)).toEqual([]);
});
