import { expect, test } from "vitest";
import type { ContenderName } from "../../bench/contenders/contender.ts";
import type { Goal, Series } from "../../bench/series.ts";
import { judge } from "../../bench/verdicts.ts";

const series = (name: string, contender: ContenderName, figures: number[]): Series => ({
  case: name,
  contender,
  unit: "ms",
  figures,
});

const SERIES = [
  series("insert", "plain", [1, 2, 4]),
  series("insert", "crm-sync", [2, 5, 12]),
  series("idle", "stock-webhook", [3, 3, 4]),
  series("idle", "crm-sync", [7, 9, 8]),
  series("small", "crm-sync", [4]),
  series("large", "crm-sync", [5]),
];

const goal = (given: Partial<Goal>): Goal => ({ case: "insert", by: "value", text: "", ...given });

test.each<[string, Partial<Goal>, string, { median: number; min: number; max: number }, boolean]>([
  [
    "a ratio, taken round by round",
    { by: "ratio", to: "plain", atMost: 2.5 },
    "≤ 2.5×",
    { median: 2.5, min: 2, max: 3 },
    true,
  ],
  [
    "a ratio that is too small",
    { by: "ratio", to: "plain", atLeast: 2.6 },
    "≥ 2.6×",
    { median: 2.5, min: 2, max: 3 },
    false,
  ],
  [
    "a difference, taken round by round",
    { case: "idle", by: "difference", to: "stock-webhook", atMost: 4 },
    "≤ 4",
    { median: 4, min: 4, max: 6 },
    true,
  ],
  ["a figure itself", { atMost: 4 }, "≤ 4", { median: 5, min: 2, max: 12 }, false],
  [
    "another case of ours",
    { case: "large", by: "ratio", toCase: "small", atMost: 1.5 },
    "≤ 1.5×",
    { median: 1.25, min: 1.25, max: 1.25 },
    true,
  ],
])("%s", (_, given, wanted, reached, met) => {
  expect(judge(SERIES, [goal(given)])).toEqual([
    { goal: "", case: given.case ?? "insert", wanted, reached, met },
  ]);
});

test.each<Partial<Goal>>([
  { case: "not measured", atMost: 1 },
  { by: "ratio", to: "graphile-worker", atMost: 1 },
  { by: "ratio", toCase: "not measured", atMost: 1 },
])("what a run has not measured is not judged: %j", (given) => {
  expect(judge(SERIES, [goal(given)])).toEqual([]);
});

test("rows that never arrived meet no goal", () => {
  const never = [series("late", "crm-sync", [Number.NaN])];
  expect(judge(never, [goal({ case: "late", atMost: 1 })])[0]?.met).toBe(false);
});
