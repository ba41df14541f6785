import { describe, expect, test } from "vitest";
import { median, percentile, ratios, spread } from "../../bench/statistics.ts";

describe("percentile", () => {
  test.each([
    [[5], 0.99, 5],
    [[1, 2], 0.5, 1.5],
    [[4, 1, 3, 2], 0, 1],
    [[4, 1, 3, 2], 1, 4],
    [[10, 20, 30, 40, 50], 0.95, 48],
  ])("of %j at %d is %d", (samples, share, expected) => {
    expect(percentile(samples, share)).toBeCloseTo(expected, 12);
  });

  test("of nothing is not a number", () => {
    expect(percentile([], 0.5)).toBeNaN();
  });

  test("between two that never ended is one that never ends", () => {
    const never = Number.POSITIVE_INFINITY;
    expect(percentile([1, never, never, never], 0.5)).toBe(never);
  });

  test("leaves the order of the samples as it was", () => {
    const samples = [3, 1, 2];
    percentile(samples, 0.5);
    expect(samples).toEqual([3, 1, 2]);
  });

  test("sorts by value, not by text", () => {
    expect(median([10, 9, 100])).toBe(10);
  });
});

test("a spread holds the median and both ends", () => {
  expect(spread([7, 1, 4])).toEqual({ median: 4, min: 1, max: 7 });
});

describe("ratios", () => {
  test("set each round against the base of the same round", () => {
    expect(ratios([2, 30], [1, 10])).toEqual([2, 3]);
  });

  test("leave out a round that the base lacks", () => {
    expect(ratios([2, 30, 5], [1, 10])).toEqual([2, 3]);
  });
});
