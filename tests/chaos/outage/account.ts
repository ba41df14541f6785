/** What an outage has left behind: the numbers of docs/proof/outage.md, and every promise that was broken. */
import { type Delivery, type Ledger, readLedger } from "../model/ledger.ts";
import { brokenPromises } from "../model/promises.ts";
import { DAY } from "./changes.ts";
import { START } from "./clock.ts";
import type { Simulation } from "./simulation.ts";
import type { Call } from "./timed-receivers.ts";

export interface Account {
  ledger: Ledger;
  deliveries: Delivery[];
  byStatus: Record<string, number>;
  /** Calls that the receiver had, and those of them that it confirmed. */
  calls: number;
  confirmed: number;
  probes: number;
  envelopes: number;
  /** Of one delivery, at most. */
  mostAttempts: number;
  attempts: number;
  /** Calls begun in one second, at most: of all, and of those after `healedAt`. */
  burst: number;
  /** From `healedAt` to the last delivery. */
  drainMs: number;
  broken: string[];
}

/** To be called when nothing waits any more; `healedAt`: when the last fault ended. */
export async function closeAccount(simulation: Simulation, healedAt: number): Promise<Account> {
  const { mover, receivers, fired, succeeded, calls } = simulation;
  const ledger = await readLedger(mover);
  const deliveries = [...ledger.values()];
  const { rows } = await mover.query<{ envelopes: number; probes: number; attempts: number }>(`
    select count(*)::int as envelopes, (count(*) filter (where is_probe))::int as probes,
           (select count(*)::int from crm_sync.delivery_attempts where is_counted) as attempts
    from crm_sync.envelopes`);
  const { envelopes = 0, probes = 0, attempts = 0 } = rows[0] ?? {};
  const witness = {
    connections: { mover },
    application: { fired, succeeded },
    receivers,
    erased: new Set<string>(),
  };
  return {
    ledger,
    deliveries,
    byStatus: countBy(deliveries, ({ status }) => status),
    calls: calls.length,
    confirmed: calls.filter(isConfirmed).length,
    envelopes,
    probes,
    attempts,
    mostAttempts: Math.max(...deliveries.map(({ attempt_count }) => attempt_count)),
    burst: mostWithin(calls, 1_000),
    drainMs: Math.max(
      0,
      ...deliveries.map(({ finished_at }) => (finished_at?.getTime() ?? 0) - healedAt),
    ),
    broken: [...(await brokenPromises(witness, ledger)), ...overtakings(calls, ledger)].filter(
      // Without evidence a delivery may be tried more than 11 times; each test says how often.
      (text) => !/was attempted \d+ times$/.test(text),
    ),
  };
}

export const isConfirmed = ({ reception }: Call) => reception === "2xx";

export function countBy<Item>(
  items: Item[],
  keyOf: (item: Item) => string,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
}

/** The most calls that began within any so long a time. */
export function mostWithin(calls: Call[], ms: number): number {
  const begun = calls.map(({ at }) => at).sort((one, other) => one - other);
  let first = 0;
  let most = 0;
  for (const [last, at] of begun.entries()) {
    while ((begun[first] ?? 0) <= at - ms) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** What a receiver took of one key, in any other order than that of capture; repeats apart. */
function overtakings(calls: Call[], ledger: Ledger): string[] {
  const byKey = new Map(
    [...ledger.values()].map((delivery) => [delivery.idempotency_key, delivery]),
  );
  const newest = new Map<string, number>();
  const seen = new Set<string>();
  const broken: string[] = [];
  for (const { at, idempotencyKey } of calls.filter(isConfirmed).sort((a, b) => a.at - b.at)) {
    const delivery = byKey.get(idempotencyKey);
    if (!delivery || seen.has(idempotencyKey)) continue;
    seen.add(idempotencyKey);
    const key = `${delivery.destination} ${delivery.ordering_key}`;
    const id = Number(delivery.delivery_id);
    const before = newest.get(key) ?? 0;
    if (before > id)
      broken.push(`${key}: ${id} arrived after ${before}, at ${new Date(at).toISOString()}`);
    newest.set(key, Math.max(before, id));
  }
  return broken;
}

/** One line for people. */
export function print(name: string, simulation: Simulation, account: Account): void {
  const { byStatus, calls, confirmed, probes, mostAttempts, attempts, burst, drainMs } = account;
  const statuses = Object.entries(byStatus).map(([status, count]) => `${count} ${status}`);
  console.log(
    `${name}: ${account.deliveries.length} changes → ${statuses.join(", ")}; ${calls} calls (${confirmed} taken), ` +
      `${probes} probes, ${attempts} attempts used, ${mostAttempts} at most by one; ` +
      `drained after ${time(drainMs)}; burst ${burst}/s, ${simulation.mostInFlight} in flight at most; ` +
      `${simulation.ticks} ticks, ${((simulation.clock.now() - START) / DAY).toFixed(1)} days`,
  );
}

export function time(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
