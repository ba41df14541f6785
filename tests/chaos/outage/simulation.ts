/**
 * Days in minutes: the database, the function and pg_net live by a clock that jumps from one thing that is due to the
 * next. The tick runs every 2 seconds, as by pg_cron, while it has anything to do; pg_net sends batches of 200, waits for
 * the slowest, and pauses for a second.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { onTestFinished, vi } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { createTestDatabase, type Template } from "../../support/database.ts";
import { breakEngine } from "../world/break-engine.ts";
import { installWorld } from "../world/install.ts";
import { type Fate, simulateNet } from "../world/net.ts";
import type { Receivers } from "../world/receivers.ts";
import { type Change, write } from "./changes.ts";
import { type Clock, clockSql, START, startClock } from "./clock.ts";
import { type Behaviour, type Call, createTimedReceivers } from "./timed-receivers.ts";

const TICK_MS = 2_000;
const BATCH = 200;
const PAUSE_MS = 1_000;

export interface Simulation {
  clock: Clock;
  /** As the owner. */
  owner: pg.Client;
  mover: pg.Client;
  receivers: Receivers;
  calls: Call[];
  /** `route row-id` → how often it was fired; and payments that succeeded. */
  fired: Map<string, number>;
  succeeded: Set<string>;
  /** The most deliveries that a destination had in flight, after any tick or write. */
  mostInFlight: number;
  ticks: number;
  /** Writes these changes when their time has come, and lets the time pass. */
  run(until: number, changes?: Change[]): Promise<void>;
  /** Lets time pass until nothing waits any more, `limit` at the latest. Returns whether nothing does. */
  drain(limit: number): Promise<boolean>;
}

export interface Conditions {
  /** What becomes of a call to a receiver, as in RECEPTIONS; without it: "2xx". */
  receiver?: Behaviour;
  /** What becomes of a request to the function, at this time; without it: "answered". */
  hop?: (at: number, body: string) => Fate;
  /** Whether pg_net loses what is in its queue now, as in a crash. */
  loses?: (at: number) => boolean;
  /** SQL before anything is written: settings. */
  prepare?: string;
}

interface Seen {
  /** When the tick next has anything to do; null: never. */
  due_ms: number | null;
  is_queued: boolean;
  in_flight: number;
}

const world: Template = {
  name: "simulated",
  build: async ({ postgresUrl, superuserUrl }) => {
    await execute(superuserUrl, "clock.sql");
    await installWorld({ url: postgresUrl, superuserUrl });
    await execute(superuserUrl, "due.sql");
  },
};

async function execute(url: string, file: string): Promise<void> {
  const client = await connect(url);
  await client.query(await readFile(join(ROOT, "tests/chaos/outage", file), "utf8"));
  await client.end();
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

export async function simulate({ receiver, hop, loses, prepare }: Conditions): Promise<Simulation> {
  const { postgresUrl, superuserUrl } = await createTestDatabase(world);
  const [owner, application, mover, worker] = (await Promise.all(
    [postgresUrl, postgresUrl, superuserUrl, superuserUrl].map(connect),
  )) as [pg.Client, pg.Client, pg.Client, pg.Client];
  const clock = startClock(mover);
  onTestFinished(async () => {
    vi.useRealTimers();
    await Promise.all([owner, application, mover, worker].map((client) => client.end()));
  });
  for (const client of [owner, application]) await client.query("select setseed(0.5)");
  if (prepare) await mover.query(prepare);
  await breakEngine(mover, "CRM_SYNC_OUTAGE_BREAK");

  const timed = createTimedReceivers(clock, receiver ?? (() => "2xx"));
  let batchStart = START;
  let batchEnd = START;
  // Each request of a batch begins when the batch does; the batch ends with the slowest.
  const net = simulateNet(worker, timed.receivers, (fate) => {
    batchEnd = Math.max(batchEnd, clock.now(), batchStart + (fate === "timed out" ? 20_000 : 50));
    clock.setHere(batchStart);
  });
  let pgNetFreeAt = START;

  async function send(): Promise<void> {
    batchStart = clock.now();
    batchEnd = batchStart;
    pgNetFreeAt = Number.POSITIVE_INFINITY;
    await clock.set(batchStart);
    if (loses?.(batchStart)) await net.crash(false);
    const fates = hop ? await fatesOf(hop) : [];
    await net.take(BATCH);
    await net.finish(fates, async () => {
      batchEnd = Math.max(batchEnd, clock.now());
      clock.setHere(batchStart);
      await pass(batchEnd);
    });
    pgNetFreeAt = batchEnd + PAUSE_MS;
    seen = await look();
  }

  async function fatesOf(hopOf: NonNullable<Conditions["hop"]>): Promise<Fate[]> {
    const { rows } = await worker.query<{ body: string }>(
      `select convert_from(body, 'UTF8') as body from net.http_request_queue order by id limit ${BATCH}`,
    );
    return rows.map(({ body }) => hopOf(batchStart, body));
  }

  let waiting: Change[] = [];
  let seen: Seen = { due_ms: null, is_queued: false, in_flight: 0 };
  let lastTick = START;

  /** In one round trip, with the clock. */
  async function tick(): Promise<void> {
    lastTick = clock.now();
    simulation.ticks += 1;
    await owner.query(`${clockSql(lastTick)}; select crm_sync.tick()`);
    seen = await look();
  }

  async function change(next: Change): Promise<void> {
    waiting = waiting.slice(1);
    await clock.set(clock.now());
    await write(application, next);
    // Whatever the breakers say: the engine may think otherwise of what is new.
    seen = { ...(await look()), due_ms: clock.now() };
    for (const fire of next.fires) {
      simulation.fired.set(fire, (simulation.fired.get(fire) ?? 0) + 1);
    }
    for (const id of next.succeeds ?? []) simulation.succeeded.add(id);
  }

  async function look(): Promise<Seen> {
    const { rows } = await mover.query<Seen>("select * from simulation.look()");
    const [row] = rows;
    if (!row) throw new Error("simulation.look() says nothing");
    simulation.mostInFlight = Math.max(simulation.mostInFlight, row.in_flight);
    return row;
  }

  /** Returns false when the time has come before anything else. */
  async function step(until: number): Promise<boolean> {
    const { due_ms: dueAt, is_queued: isQueued } = seen;
    const tickAt =
      dueAt === null
        ? Number.POSITIVE_INFINITY
        : lastTick + TICK_MS * Math.max(1, Math.ceil((dueAt - lastTick) / TICK_MS));
    const sendAt = isQueued ? Math.max(clock.now(), pgNetFreeAt) : Number.POSITIVE_INFINITY;
    const [next] = waiting;
    const at = Math.min(sendAt, tickAt, next?.at ?? Number.POSITIVE_INFINITY);
    if (at > until) {
      await clock.set(until);
      return false;
    }
    clock.setHere(Math.max(at, clock.now()));
    if (at === sendAt) await send();
    else if (next && at === next.at) await change(next);
    else await tick();
    return true;
  }

  async function pass(until: number): Promise<void> {
    while (await step(until));
  }

  const simulation: Simulation = {
    clock,
    owner,
    mover,
    receivers: timed.receivers,
    calls: timed.calls,
    fired: new Map(),
    succeeded: new Set(),
    mostInFlight: 0,
    ticks: 0,
    run: async (until, changes = []) => {
      waiting = [...waiting, ...changes].sort((one, other) => one.at - other.at);
      await pass(until);
    },
    drain: async (limit) => {
      while (clock.now() < limit) {
        if (seen.due_ms === null && !seen.is_queued && waiting.length === 0) return true;
        await step(limit);
      }
      return false;
    },
  };
  return simulation;
}
