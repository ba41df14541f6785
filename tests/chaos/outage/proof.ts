/** One outage from its first change to the last delivery after it, held to the promises. */
import { expect } from "vitest";
import { type Account, closeAccount, print } from "./account.ts";
import { type Change, DAY } from "./changes.ts";
import { type Conditions, type Simulation, simulate } from "./simulation.ts";

export interface Outage extends Conditions {
  /** For the line that is printed. */
  name: string;
  changes: Change[];
  /** When the last fault ends. */
  healsAt: number;
}

export interface Survived {
  simulation: Simulation;
  account: Account;
}

/** Promises 1, 2, 4: whatever else a test asks for. */
export async function survive({
  name,
  changes,
  healsAt,
  ...conditions
}: Outage): Promise<Survived> {
  const simulation = await simulate(conditions);
  const lastChangeAt = Math.max(healsAt, ...changes.map(({ at }) => at));
  await simulation.run(lastChangeAt, changes);
  const isDrained = await simulation.drain(lastChangeAt + 7 * DAY);
  const account = await closeAccount(simulation, healsAt);
  print(name, simulation, account);
  expect(isDrained, "something still waits a week after the outage").toBe(true);
  expect(account.broken).toEqual([]);
  const fired = changes.reduce((sum, change) => sum + change.fires.length, 0);
  expect(account.deliveries.length, "changes that the ledger holds").toBe(fired);
  return { simulation, account };
}

/** Promise 5. */
export function expectNothingDead({ account }: Survived): void {
  const { delivered = 0, superseded = 0, ...others } = account.byStatus;
  expect(others, "neither delivered nor superseded").toEqual({});
  expect(delivered + superseded).toBe(account.deliveries.length);
  expect(account.confirmed, "each is taken once").toBe(delivered);
}

/** 30 seconds, doubling to 15 minutes, each with a tick or two; all through the outage something waits for it. */
export function expectSteadyProbes({ account }: Survived, outageMs: number): void {
  const most = 6 + Math.ceil(outageMs / (15 * 60_000));
  expect(account.mostAttempts, "attempts used by one").toBeLessThan(6);
  expect(account.probes).toBeLessThanOrEqual(most);
  expect(account.probes).toBeGreaterThanOrEqual(Math.floor(most * 0.9) - 2);
}
