/** What every crash must leave behind: nothing lost, nothing unfinished, nothing sent again that was not under way. */
import { expect } from "vitest";
import { type Account, closeAccount } from "./account.ts";
import { type Load, startLoad } from "./load.ts";
import { type Strike, strikeAt } from "./strike.ts";
import { startWorld, type World } from "./world.ts";

export interface CrashOptions {
  /** For the line that is printed. */
  name: string;
  /** From the moment on; whatever it waits for counts as part of the blow. */
  blow: (world: World, load: Load) => Promise<unknown>;
  /** Brings back what the blow ended. */
  recover?: (world: World) => Promise<unknown>;
  /** How long after the writers' last commit nothing may be unfinished any more. */
  limitMs: number;
}

/** Of the load; CRM_SYNC_CRASH_ROWS makes it shorter. */
const ROWS = Number(process.env.CRM_SYNC_CRASH_ROWS ?? 2_000);

/** When the blow falls: in the middle of the load. */
const STRIKE_AT = Math.floor(ROWS * 0.4);

export interface Crashed {
  strike: Strike;
  account: Account;
  load: Load;
}

/** Writes, strikes, recovers, waits, prints, and holds everything to the promises. */
export async function crash(options: CrashOptions): Promise<Crashed> {
  const world = await startWorld();
  let crashed: Crashed;
  try {
    crashed = await crashIn(world, options);
  } catch (error) {
    // What went wrong first is what counts.
    await world.stop().catch(() => undefined);
    throw error;
  }
  await world.stop();
  return crashed;
}

async function crashIn(world: World, options: CrashOptions): Promise<Crashed> {
  const load = startLoad({ url: world.server.url, rows: ROWS });
  const strike = await strikeAt(world, load, STRIKE_AT, () => options.blow(world, load));
  await options.recover?.(world);
  const account = await closeAccount(world, load, strike, options.limitMs);
  print(options.name, world.server.version, strike, account, load);
  expectNothingLost(strike, account);
  return { strike, account, load };
}

function expectNothingLost({ moment }: Strike, account: Account): void {
  expect(moment.requestsInFlight, "requests in flight at the blow").toBeGreaterThan(0);
  expect(moment.queued, "rows of pg_net's queue at the blow").toBeGreaterThan(0);
  expect(account.forgotten, "acknowledged rows that the database does not have").toEqual([]);
  expect(account.lost, "committed rows that the receiver does not have so").toEqual([]);
  const { delivered = 0, superseded = 0, ...others } = account.deliveries;
  expect(others, "deliveries neither delivered nor superseded").toEqual({});
  expect(delivered + superseded).toBeGreaterThan(0);
  expect(account.uncaptured, "changes not captured").toBe(0);
  expect(account.foreignKeys, "idempotency keys that are not the ledger's").toEqual([]);
  expect(account.violations, "breaches of the contract").toEqual([]);
  expect(account.repeatedWithoutReason, "keys repeated though not in flight").toEqual([]);
  expect(account.repeats).toBeLessThanOrEqual(account.triesHit + account.triesUnsure);
}

function print(
  name: string,
  version: string,
  { moment }: Strike,
  account: Account,
  load: Load,
): void {
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([status, count]) => `${count} ${status}`)
      .join(", ");
  const { committed, unanswered, interrupted } = load;
  console.log(
    [
      `\n${name} (${version})`,
      `  at the blow: ${moment.committedRows} rows committed; in flight ${moment.requestsInFlight} requests, ${moment.deliveriesInFlight} deliveries; ` +
        `in pg_net's queue ${moment.queued}; ${moment.pending} pending; ${moment.calls} calls received, ${moment.openCalls} of them open`,
      `  the writers: ${committed.commits} commits, ${committed.rows} rows; ${interrupted} broken off; ` +
        `${unanswered.committed + unanswered.rolledBack} commits without answer, of which ${unanswered.committed} held`,
      `  afterwards: ${account.rows} rows to be known, ${account.lost.length} lost, ${account.forgotten.length} forgotten; ${list(account.deliveries)}; ` +
        `finished after ${account.secondsToFinish.toFixed(1)} s`,
      `  calls: ${moment.calls} before, ${account.calls - moment.calls} after; ${account.repeats} repeats, ${account.triesHit} tries hit, ${account.triesUnsure} unsure later; ` +
        `${account.overlaps} overlaps; envelopes ${list(account.envelopes)}`,
      ...(account.faults.length > 0 ? [`  faults: ${account.faults.join("; ")}`] : []),
    ].join("\n"),
  );
}
