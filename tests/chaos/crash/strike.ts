/** The moment of the blow: waited for until requests of ours are in flight and stand in pg_net's queue, and noted. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Load } from "./load.ts";
import type { World } from "./world.ts";

export interface Moment {
  /** Our envelopes that the ledger holds for sent and not answered, and the deliveries in them. */
  requestsInFlight: number;
  deliveriesInFlight: number;
  /** Rows of net.http_request_queue; those of a running batch are among them. */
  queued: number;
  pending: number;
  committedRows: number;
  /** Calls that had reached the receiver, and those that it was still working on. */
  calls: number;
  openCalls: number;
}

export interface Strike {
  moment: Moment;
  /** The blow may last: what was in flight at any time in between can have been hit. */
  begin: Date;
  end: Date;
}

const LIMIT_MS = 60_000;

/** So many calls open: the blow falls amid envelopes, not at the end of the last one. */
const OPEN_CALLS = 10;

const MOMENT = `
  select (select count(*) from crm_sync.envelopes where status = 'in_flight')::int as "requestsInFlight",
         (select count(*) from crm_sync.deliveries where status = 'in_flight')::int as "deliveriesInFlight",
         (select count(*) from net.http_request_queue)::int as queued,
         (select count(*) from crm_sync.deliveries where status = 'pending')::int as pending`;

/** Waits until so many rows are committed, something is in flight and queued, and the receiver at work; then strikes at once. */
export async function strikeAt(
  world: World,
  load: Load,
  committedRows: number,
  blow: () => Promise<unknown>,
): Promise<Strike> {
  const { moment, begin } = await untilUnderWay(world, load, committedRows);
  await blow();
  return { moment, begin, end: new Date(Date.now() + 1) };
}

/** The moment at which it is so, and the time just before it was seen. Throws after a minute. */
export async function untilUnderWay(
  world: World,
  load: Load,
  committedRows = 0,
): Promise<{ moment: Moment; begin: Date }> {
  const { calls } = world.receiver;
  for (const deadline = Date.now() + LIMIT_MS; ; await sleep(10)) {
    const begin = new Date();
    const [found] =
      await world.queryAtOnce<Omit<Moment, "committedRows" | "calls" | "openCalls">>(MOMENT);
    const moment = {
      ...(found as Moment),
      committedRows: load.committed.rows,
      calls: calls.length,
      openCalls: calls.filter(({ closedAt }) => closedAt === null).length,
    };
    const isDue =
      moment.committedRows >= committedRows &&
      moment.requestsInFlight > 0 &&
      moment.queued > 0 &&
      moment.openCalls >= OPEN_CALLS;
    if (isDue) return { moment, begin };
    if (Date.now() > deadline) throw new Error(`the moment never came: ${JSON.stringify(moment)}`);
  }
}
