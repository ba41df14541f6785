/**
 * How long a tick takes: idle and under load, with a ledger of finished deliveries behind it, and with a backlog that cannot
 * leave. Warm: again and again in one session. Cold: each in a session of its own, as pg_cron runs it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { type Bench, running } from "../bench.ts";
import type { Ledger } from "../contenders/crm-sync.ts";
import { now } from "../processes/clock.ts";
import { insertOne } from "../rows.ts";
import { type Goal, openRecorder, type Recorder } from "../series.ts";
import { inSession, timed } from "../sessions.ts";
import { median, percentile } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const LOAD_PER_SECOND = 100;
const TICK_EVERY_MS = 500;
const LIMIT_MS = 10;

const [EMPTY, MILLION] = ["empty ledger", "1,000,000 finished"];
const BLOCKED = "behind blocked keys";
const BROKEN = "behind an open breaker";

async function run(bench: Bench) {
  const recorder = openRecorder();
  const { finished, blocked, rounds } = bench.plan;
  for (const rows of finished) {
    const ledger = rows === 0 ? EMPTY : `${rows.toLocaleString("en")} finished`;
    await withLedger(bench, "finished", rows, async () => {
      for (let round = 0; round < rounds; round += 1) {
        await tickIdle(bench, recorder, ledger);
        await tickUnderLoad(bench, recorder, ledger);
      }
    });
  }
  for (const [file, why] of [
    ["blocked-keys", BLOCKED],
    ["open-breaker", BROKEN],
  ] as const) {
    await withLedger(bench, file, blocked, async () => {
      for (let round = 0; round < rounds; round += 1)
        await tickIdle(bench, recorder, `${blocked.toLocaleString("en")} pending ${why}`);
    });
  }
  return recorder.series();
}

/** The ledger is filled by plain statements of its owner, as fast as a table takes rows, and looks as if it had grown. */
async function withLedger(
  bench: Bench,
  file: Ledger,
  rows: number,
  work: () => Promise<void>,
): Promise<void> {
  const { db, crmSync } = bench;
  await running(bench, crmSync, async () => {
    await crmSync.empty();
    if (rows > 0) bench.say(`filling the ledger: ${rows.toLocaleString("en")}, ${file}`);
    if (rows > 0) await crmSync.fill(file, rows);
    // pg_cron would get in between: a tick while another one runs does nothing.
    await db.query("select crm_sync.start(), cron.unschedule('crm_sync_tick')");
    await work();
  });
}

async function tickIdle(bench: Bench, recorder: Recorder, ledger: string): Promise<void> {
  const { server, plan } = bench;
  const warm = await inSession(server.url, async (client) => {
    // The first ones of a session compile and plan.
    for (let count = 0; count < 6; count += 1) await tick(client);
    return ticks(plan.ticks, () => tick(client));
  });
  record(recorder, `idle, warm, ${ledger}`, warm);
  const cold = await ticks(plan.ticks, () => inSession(server.url, tick));
  record(recorder, `idle, cold, ${ledger}`, cold);
}

/** One-row inserts at a steady rate meanwhile; what they capture is part of the tick's work. */
async function tickUnderLoad(bench: Bench, recorder: Recorder, ledger: string): Promise<void> {
  const writing = new AbortController();
  const written = write(bench, writing.signal);
  const took = await inSession(bench.server.url, (client) =>
    ticks(bench.plan.ticks, async () => {
      await sleep(TICK_EVERY_MS);
      return tick(client);
    }),
  ).finally(() => writing.abort());
  record(recorder, `under load, warm, ${ledger}`, took, {
    rowsPerSecond: LOAD_PER_SECOND,
    written: await written,
  });
}

async function write(bench: Bench, signal: AbortSignal): Promise<number> {
  return inSession(bench.server.url, async (client) => {
    let rows = 0;
    for (const begin = now(); !signal.aborted; ) {
      await client.query(insertOne(bench.crmSync.table));
      rows += 1;
      await sleep(Math.max(0, begin + (1_000 / LOAD_PER_SECOND) * rows - now()));
    }
    return rows;
  });
}

async function ticks(count: number, one: () => Promise<number | null>): Promise<number[]> {
  const times: number[] = [];
  while (times.length < count) {
    const took = await one();
    if (took !== null) times.push(took);
  }
  return times;
}

/** Null: another one was running. */
async function tick(client: pg.Client): Promise<number | null> {
  let did = false;
  const took = await timed(async () => {
    const { rows } = await client.query("select step, affected from crm_sync.tick()");
    did = rows.length > 0;
    if (rows.some(({ affected }) => affected === null))
      throw new Error("a step of the tick failed");
  });
  return did ? took : null;
}

function record(recorder: Recorder, name: string, times: number[], detail: object = {}): void {
  recorder.add({ case: name, contender: "crm-sync", unit: "ms" }, median(times), {
    ...detail,
    p95: percentile(times, 0.95),
    samples: times,
  });
}

const idleAt = (temperature: string, ledger: string): Goal => ({
  case: `idle, ${temperature}, ${ledger}`,
  by: "value",
  atMost: LIMIT_MS,
  text: `tick, idle, ${temperature}, ${ledger}, ms`,
});

const goals: Goal[] = [
  ...[EMPTY, MILLION, `200,000 pending ${BLOCKED}`, `200,000 pending ${BROKEN}`].flatMap(
    (ledger) => [idleAt("warm", ledger), idleAt("cold", ledger)],
  ),
  ...["idle, warm", "idle, cold", "under load, warm"].map(
    (how): Goal => ({
      case: `${how}, ${MILLION}`,
      toCase: `${how}, ${EMPTY}`,
      by: "ratio",
      atMost: 1.5,
      text: `tick, ${how}, 1,000,000 finished against an empty ledger`,
    }),
  ),
];

export const tickTime: Measure = { name: "tick", title: "Time of a tick", goals, run };
