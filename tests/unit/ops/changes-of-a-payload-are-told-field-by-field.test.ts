import { expect, test } from "vitest";
import { compare, type Outcome } from "../../../scripts/ops/replay-diff/compare.ts";
import { summarise } from "../../../scripts/ops/replay-diff/summary.ts";

const RECORD = { email: "ada@example.test", city: "paris" };
const SHOWN = { showValues: true };

function sent(payload: string, way = { destination: "monelec", path: "/leads" }): Outcome {
  return { ...way, payload };
}

test("equal bytes are no change", () => {
  expect(compare(sent('{"a":1.0}'), sent('{"a":1.0}'), RECORD, SHOWN)).toEqual([]);
});

test("a field that is new, gone, or another", () => {
  const before = sent('{"a":"x","b":{"c":[1,{"d":null}]}}');
  const after = sent('{"a":"y","b":{"c":[1,{"e":true}]}}');
  expect(compare(before, after, RECORD, SHOWN)).toEqual([
    { field: "a", before: '"x"', after: '"y"' },
    { field: "b.c.1.d", before: "null", after: null },
    { field: "b.c.1.e", before: null, after: "true" },
  ]);
});

test("the digits of a number count, and so do empty objects", () => {
  expect(compare(sent('{"a":19.90,"b":{}}'), sent('{"a":19.9,"b":[]}'), RECORD, SHOWN)).toEqual([
    { field: "a", before: "19.90", after: "19.9" },
    { field: "b", before: "{}", after: "[]" },
  ]);
});

test("another order of the same keys is other bytes", () => {
  expect(compare(sent('{"a":1,"b":2}'), sent('{"b":2,"a":1}'), RECORD, SHOWN)).toEqual([
    { field: "(order of keys)", before: "a, b", after: "b, a" },
  ]);
});

test("another receiver or path", () => {
  const elsewhere = sent("{}", { destination: "monelec", path: "/prospects" });
  expect(compare(sent("{}"), elsewhere, RECORD, SHOWN)).toEqual([
    { field: "(sent to)", before: '"monelec /leads"', after: '"monelec /prospects"' },
  ]);
});

test("what would no longer be sent, or for another reason", () => {
  const refused = { refused: "invalid_record: email: expected an email or a phone" };
  const change = { field: "(outcome)", before: "sent", after: refused.refused };
  expect(compare(sent('{"a":1}'), refused, RECORD, SHOWN)).toEqual([change]);
  expect(compare(refused, refused, RECORD, SHOWN)).toEqual([]);
});

test("values are compared as they are and shown masked; the mapper's own words stay", () => {
  const before = sent('{"email":"ada@example.test","city":"paris","kind":"unknown","n":1}');
  const after = sent('{"email":"eva@example.test","city":"PARIS","kind":"non-specifie","n":2}');
  const changes = compare(before, after, RECORD, { showValues: false });
  expect(changes).toEqual([
    { field: "email", before: '"xxx@xxxxxxx.xxxx"', after: '"xxx@xxxxxxx.xxxx"' },
    { field: "city", before: '"xxxxx"', after: '"xxxxx"' },
    { field: "kind", before: '"unknown"', after: '"non-specifie"' },
    { field: "n", before: '"<number>"', after: '"<number>"' },
  ]);
});

test("many deliveries are one line for each field, with the newest as example", () => {
  const change = { route: "lead", field: "city" };
  expect(
    summarise([
      { delivery_id: 9, ...change, before: "1", after: "2" },
      { delivery_id: 8, ...change, before: "3", after: "4" },
      { delivery_id: 7, ...change, before: null, after: "4" },
    ]),
  ).toEqual([
    { ...change, change: "changed", delivery_count: 2, example: 9, before: "1", after: "2" },
    { ...change, change: "added", delivery_count: 1, example: 7, before: null, after: "4" },
  ]);
});
