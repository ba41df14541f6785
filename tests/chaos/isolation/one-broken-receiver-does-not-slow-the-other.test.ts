import { afterAll, beforeAll, expect, test } from "vitest";
import { isLong, planned } from "./plans.ts";
import { print } from "./report.ts";
import { type Outcome, run } from "./run.ts";
import { startWorld, type World } from "./world.ts";

/** Limit of a probe's call, and pg_net's pause after the batch that held it. */
const PROBE_MS = 3_000;
const PAUSE_MS = 1_000;

/** Both together leave nothing for the call itself. A probe that waits like any call takes 9 s, so this tells them apart. */
const CALL_AND_BUSY_MACHINE_MS = 1_000;

let world: World;
let outcome: Outcome;

beforeAll(async () => {
  world = await startWorld();
  outcome = await run(world, planned());
  print(outcome, world.version);
}, 3_600_000);

afterAll(() => world?.stop());

test("its breaker opens, and probes", () => {
  expect(outcome.openedAfterMs).not.toBeNull();
  expect(outcome.probes).toBeGreaterThan(0);
});

test("from then on, outside probes, the other takes at most 1.5 times its normal", () => {
  const { normal, open } = outcome.table;
  expect(open?.count).toBeGreaterThan(0);
  expect(open?.p50).toBeLessThanOrEqual(1.5 * (normal?.p50 ?? 0));
  // Of the short form's fifty leads before, a p95 is what two of them had to wait: a busy machine's, not ours.
  if (isLong) expect(open?.p95).toBeLessThanOrEqual(1.5 * (normal?.p95 ?? 0));
});

test("in probes the other waits for a probe and one pause of pg_net at most", () => {
  const { probing } = outcome.table;
  expect(probing?.count).toBeGreaterThan(0);
  expect(probing?.p95).toBeLessThanOrEqual(PROBE_MS + PAUSE_MS + CALL_AND_BUSY_MACHINE_MS);
});

test("every order arrives in the end", () => {
  if (outcome.ordersArrived !== null) expect(outcome.ordersArrived).toBe(outcome.orders);
});

test("nobody broke the contract", () => {
  expect(world.receiver.violations).toEqual([]);
});
