import { expect, test } from "vitest";
import type { JsonNumber } from "../../../supabase/functions/crm-sync/json.ts";
import {
  parseJson,
  stringifyJson,
  survivesDouble,
} from "../../../supabase/functions/crm-sync/json.ts";
import { splitName, textOrNull, toUtc } from "../../../supabase/functions/crm-sync/values.ts";

test.each([
  ["2026-11-22T03:01:37.123456+00:00", "2026-11-22T03:01:37.123456Z"],
  ["2026-11-22T03:01:37+00:00", "2026-11-22T03:01:37Z"],
  ["2026-11-22T03:01:37.1Z", "2026-11-22T03:01:37.1Z"],
  ["2026-11-22 03:01:37.5+00", "2026-11-22T03:01:37.5Z"],
  ["2026-11-22T03:01:37.000009-03:30", "2026-11-22T06:31:37.000009Z"],
  ["1900-01-01T00:09:21+00:09:21", "1900-01-01T00:00:00Z"],
  ["2024-02-29T23:59:59.999999-01:00", "2024-03-01T00:59:59.999999Z"],
  ["2026-11-22T03:01:37", "2026-11-22T03:01:37Z"],
  ["infinity", null],
  ["-infinity", null],
  ["0044-03-15T00:00:00+00:00 BC", null],
  ["10000-01-01T00:00:00+00:00", null],
  ["9999-12-31T23:59:59-01:00", null],
  ["2026-02-30T25:00:00Z", null],
  ["", null],
])("the time %j is %j", (time, utc) => {
  expect(toUtc(time)).toBe(utc);
});

test.each([
  ["19.90", true],
  ["0.1", true],
  ["-0.0", true],
  ["1e22", true],
  ["5e-324", true],
  ["9007199254740992", true],
  ["9007199254740993", false],
  ["0.1000000000000000055", false],
  ["1e400", false],
  ["1e-400", false],
  ["123456789012345678.5", false],
])("%s comes through a double: %j", (digits, survives) => {
  const number = parseJson(digits) as JsonNumber;
  expect(survivesDouble(number)).toBe(survives);
  expect(stringifyJson(number)).toBe(digits);
});

test.each([
  [null, null],
  ["", null],
  [" \t\n\u00a0\u202f\u3000\u0085\ufeff", null],
  [" x ", " x "],
  ["0", "0"],
  ["👍", "👍"],
])("the text %j is %j", (value, expected) => {
  expect(textOrNull(value)).toBe(expected);
});

test.each([
  [null, null, null],
  ["", null, null],
  ["Zoé", "Zoé", null],
  ["  Jean-Pierre   Le\u00a0Goff-de La Tour ", "Jean-Pierre", "Le Goff-de La Tour"],
])("the name %j is %j and %j", (name, first, rest) => {
  expect(splitName(name)).toEqual({ first, rest });
});
