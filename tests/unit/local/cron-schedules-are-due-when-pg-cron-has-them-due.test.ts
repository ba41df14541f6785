import { expect, it } from "vitest";
import { untilNext } from "../../../scripts/local/cron-runner.ts";

const now = new Date("2026-01-31T10:20:30.000Z");

it.each([
  ["2 seconds", "2026-01-31T10:20:32.000Z"],
  ["1 Second", "2026-01-31T10:20:31.000Z"],
  ["* * * * *", "2026-01-31T10:21:00.000Z"],
  ["*/15 * * * *", "2026-01-31T10:30:00.000Z"],
  ["17 3 * * *", "2026-02-01T03:17:00.000Z"],
  ["0 12 $ * *", "2026-01-31T12:00:00.000Z"],
  ["@daily", "2026-02-01T00:00:00.000Z"],
  // Day of month or day of week, as in every cron.
  ["0 0 15 * mon", "2026-02-02T00:00:00.000Z"],
])("%s is next due at %s", (schedule, due) => {
  expect(now.getTime() + (untilNext(schedule, now) ?? Number.NaN)).toBe(new Date(due).getTime());
});

it("has no next time for a job that runs at start-up", () => {
  expect(untilNext("@reboot", now)).toBeUndefined();
});
