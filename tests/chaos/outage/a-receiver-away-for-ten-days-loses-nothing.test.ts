import { expect, test } from "vitest";
import { mostWithin } from "./account.ts";
import { bulkChanges, bulkRequests, DAY, HOUR, orders, singleChanges } from "./changes.ts";
import { START } from "./clock.ts";
import { expectNothingDead, expectSteadyProbes, type Survived, survive } from "./proof.ts";
import type { Behaviour } from "./timed-receivers.ts";

const healsAt = START + 10 * DAY;
const awayUntil =
  (end: number, how: string): Behaviour =>
  ({ at, destination }) =>
    destination === "monelec" && at < end ? how : "2xx";
const MINUTE = 60_000;
const SOON_AFTER_A_PROBE = 16 * MINUTE;

test("5,000 changes while it answers 503", async () => {
  const changes = [
    ...bulkChanges([START + HOUR, START + 2 * DAY, START + 6 * DAY], 1_000),
    ...bulkRequests(START + DAY, 300),
    ...singleChanges(1_100, START, healsAt),
  ];
  const shop = orders(20, START + DAY, healsAt);
  const survived = await survive({
    name: "503, 5,000 changes (and 20 to the other receiver)",
    receiver: awayUntil(healsAt, "503"),
    changes: [...changes, ...shop],
    healsAt,
  });
  expectNothingDead(survived);
  expectSteadyProbes(survived, 10 * DAY);
  expect(survived.account.drainMs).toBeLessThan(SOON_AFTER_A_PROBE);
  expect(survived.account.byStatus.superseded).toBeGreaterThan(2_000);
  expect(survived.simulation.mostInFlight).toBeLessThanOrEqual(5_000);
  expectOthersUnaffected(survived);
});

test("20 changes in all while it answers 503", async () => {
  const survived = await survive({
    name: "503, 20 changes",
    receiver: awayUntil(healsAt, "503"),
    changes: singleChanges(20, START, healsAt),
    healsAt,
  });
  expectNothingDead(survived);
  expectSteadyProbes(survived, 10 * DAY);
  expect(survived.account.drainMs).toBeLessThan(SOON_AFTER_A_PROBE);
});

test("one change an hour while it answers 503", async () => {
  const survived = await survive({
    name: "503, one an hour",
    receiver: awayUntil(healsAt, "503"),
    changes: singleChanges(240, START, healsAt),
    healsAt,
  });
  expectNothingDead(survived);
  expectSteadyProbes(survived, 10 * DAY);
  expect(survived.account.drainMs).toBeLessThan(SOON_AFTER_A_PROBE);
});

test("one change an hour while it does not answer at all", async () => {
  const survived = await survive({
    name: "timeouts, one an hour",
    receiver: awayUntil(healsAt, "hang"),
    changes: singleChanges(240, START, healsAt),
    healsAt,
  });
  expectNothingDead(survived);
  expectSteadyProbes(survived, 10 * DAY);
  expect(survived.account.drainMs).toBeLessThan(SOON_AFTER_A_PROBE);
});

test("one change an hour while it refuses connections", async () => {
  const survived = await survive({
    name: "connections refused, one an hour",
    receiver: awayUntil(healsAt, "reset"),
    changes: singleChanges(240, START, healsAt),
    healsAt,
  });
  expectNothingDead(survived);
  expectSteadyProbes(survived, 10 * DAY);
  expect(survived.account.drainMs).toBeLessThan(SOON_AFTER_A_PROBE);
});

/** The other destination's deliveries arrive as if nothing were the matter. */
function expectOthersUnaffected({ account, simulation }: Survived): void {
  const theirs = simulation.calls.filter(({ destination }) => destination === "elementor");
  expect(theirs.length).toBe(20);
  const finished = account.deliveries.filter(({ destination }) => destination === "elementor");
  const waits = finished.map(
    ({ finished_at, claimed_at }) => (finished_at?.getTime() ?? 0) - (claimed_at?.getTime() ?? 0),
  );
  expect(Math.max(...waits)).toBeLessThan(5_000);
}

for (const minutes of [1, 20]) {
  test(`flapping: back for ${minutes} minutes every 5 hours`, async () => {
    const survived = await survive({
      name: `flapping, ${minutes} min every 5 h, one an hour`,
      receiver: ({ at }) =>
        at < healsAt && (at - START) % (5 * HOUR) < 5 * HOUR - minutes * MINUTE ? "503" : "2xx",
      changes: singleChanges(240, START, healsAt),
      healsAt,
    });
    expectNothingDead(survived);
  });
}

test("one change an hour while pg_net loses every request", async () => {
  const survived = await survive({
    name: "every request lost, one an hour",
    loses: (at) => at < healsAt,
    changes: singleChanges(240, START, healsAt),
    healsAt,
  });
  expectNothingDead(survived);
  // No breaker speaks of what was lost: attempts are used up, and it takes the longest interval, with its jitter.
  expect(survived.account.mostAttempts).toBeGreaterThan(11);
  expect(survived.account.drainMs).toBeLessThan(1.2 * DAY + MINUTE);
});

test("no burst above the limits when it is back: 50 in flight", async () => {
  const end = START + DAY;
  const survived = await survive({
    name: "503 for a day, then at most 50 in flight",
    receiver: awayUntil(end, "503"),
    prepare: "update crm_sync.destinations set max_deliveries_in_flight = 50",
    changes: [...bulkChanges([START + HOUR, START + 2 * HOUR], 1_000), ...bulkRequests(START, 100)],
    healsAt: end,
  });
  expectNothingDead(survived);
  expect(survived.simulation.mostInFlight).toBe(50);
  expect(survived.account.byStatus.superseded, "the first states of 1,000 leads").toBe(1_000);
});

test("no burst above the limits when it is back: 5 a second", async () => {
  const end = START + DAY;
  const survived = await survive({
    name: "503 for a day, then at most 5 a second",
    receiver: awayUntil(end, "503"),
    prepare: "update crm_sync.destinations set rate_per_second = 5",
    changes: [...bulkChanges([START + HOUR, START + 2 * HOUR], 500), ...bulkRequests(START, 50)],
    healsAt: end,
  });
  expectNothingDead(survived);
  const { calls } = survived.simulation;
  // The tick spends two seconds' worth at once.
  expect(mostWithin(calls, 1_000)).toBeLessThanOrEqual(10);
  expect(mostWithin(calls, 10_000)).toBeLessThanOrEqual(60);
  expect(mostWithin(calls, 100_000)).toBeLessThanOrEqual(510);
});
