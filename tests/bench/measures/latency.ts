/**
 * From the commit, as its writer learns of it, to the first receipt. Writers keep a rate whether or not rows arrive; up to 300
 * rows a second each row is a transaction, above that ten are.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Bench, inTurn } from "../bench.ts";
import type { Contender } from "../contenders/contender.ts";
import { now } from "../processes/clock.ts";
import { insertMany, insertOne, newIds } from "../rows.ts";
import { type Goal, openRecorder, type Recorder } from "../series.ts";
import { inSession } from "../sessions.ts";
import { figuresOf, untilArrived, waysOf } from "./arrivals.ts";
import type { Measure } from "./measure.ts";

const WRITERS = 16;
/** Rows a second, above which an application writes several rows in a transaction. */
const ONE_BY_ONE_UP_TO = 300;
const ROWS_AT_ONCE = 10;
const IDLE_LIMIT_MS = 10_000;

const IDLE = "idle";
const atRate = (perSecond: number) => `${perSecond.toLocaleString("en")} rows/s`;

async function run(bench: Bench) {
  const recorder = openRecorder();
  const contenders = bench.contenders.filter(({ delivers }) => delivers);
  await inTurn(bench, contenders, async (contender) => {
    const committed = await writeIdly(bench, contender);
    await record(bench, recorder, contender, IDLE, committed);
  });
  for (const { perSecond, ms, peersMs } of bench.plan.rates) {
    await inTurn(bench, contenders, async (contender) => {
      const lasts = contender === bench.crmSync ? ms : peersMs;
      const begin = now();
      const committed = await writeSteadily(bench, contender, perSecond, lasts);
      const reached = (1_000 * committed.size) / (now() - begin);
      await untilArrived(bench, committed.size, bench.plan.arrivalLimitMs);
      await record(bench, recorder, contender, atRate(perSecond), committed, {
        rowsPerSecond: reached,
        lastsMs: lasts,
      });
    });
  }
  return recorder.series();
}

async function writeIdly(bench: Bench, contender: Contender): Promise<Map<string, number>> {
  const committed = new Map<string, number>();
  await inSession(bench.server.url, async (client) => {
    for (let count = 1; count <= bench.plan.idleRows; count += 1) {
      await sleep(contender.idleAfterMs);
      const id = randomUUID();
      await client.query(insertOne(contender.table, id));
      committed.set(id, now());
      await untilArrived(bench, count, IDLE_LIMIT_MS);
    }
  });
  return committed;
}

/** Each transaction begins at its time, or as soon as one of the sessions is free. */
async function writeSteadily(
  bench: Bench,
  contender: Contender,
  perSecond: number,
  ms: number,
): Promise<Map<string, number>> {
  const atOnce = perSecond > ONE_BY_ONE_UP_TO ? ROWS_AT_ONCE : 1;
  const everyMs = (1_000 * atOnce) / perSecond;
  const committed = new Map<string, number>();
  const pool = new pg.Pool({ connectionString: bench.server.url, max: WRITERS });

  async function write(): Promise<void> {
    const ids = newIds(atOnce);
    const { table } = contender;
    await pool.query(atOnce === 1 ? insertOne(table, ids[0]) : insertMany(table, ids));
    const at = now();
    for (const id of ids) committed.set(id, at);
  }

  try {
    const writing: Promise<void>[] = [];
    const begin = now();
    for (let due = 0; due < ms; due += everyMs) {
      const wait = begin + due - now();
      if (wait > 1) await sleep(wait);
      bench.signal.throwIfAborted();
      writing.push(write());
    }
    await Promise.all(writing);
    return committed;
  } finally {
    await pool.end();
  }
}

async function record(
  bench: Bench,
  recorder: Recorder,
  contender: Contender,
  name: string,
  committed: ReadonlyMap<string, number>,
  more: object = {},
): Promise<void> {
  const { tookMs, missing } = await waysOf(bench, committed);
  const figures = figuresOf(tookMs);
  const detail = { ...more, rows: tookMs.length, missing, max: figures.max };
  const add = (what: string, figure: number) =>
    recorder.add(
      { case: `${name}, ${what}`, contender: contender.name, unit: "ms" },
      figure,
      detail,
    );
  add("p50", figures.p50);
  add("p95", figures.p95);
  add("p99", figures.p99);
  if (name === IDLE) return;
  const third = Math.ceil(tookMs.length / 3);
  add("p99 of the first third", figuresOf(tookMs.slice(0, third)).p99);
  add("p99 of the last third", figuresOf(tookMs.slice(-third)).p99);
}

const goals: Goal[] = [
  {
    case: `${IDLE}, p50`,
    to: "stock-webhook",
    by: "difference",
    atMost: 5,
    text: "commit to receipt, ms more than the stock webhook",
  },
  ...[5, 50].map(
    (perSecond): Goal => ({
      case: `${atRate(perSecond)}, p50`,
      to: "stock-webhook",
      by: "ratio",
      atMost: 1,
      text: "commit to receipt against the stock webhook",
    }),
  ),
  ...(
    [
      [300, 2_000],
      [1_000, 2_500],
      [2_000, 3_500],
    ] as const
  ).flatMap(([perSecond, limitMs]): Goal[] => [
    {
      case: `${atRate(perSecond)}, p99`,
      by: "value",
      atMost: limitMs,
      text: "commit to receipt, ms",
    },
    {
      case: `${atRate(perSecond)}, p99 of the last third`,
      toCase: `${atRate(perSecond)}, p99 of the first third`,
      by: "ratio",
      atMost: 1.25,
      text: "commit to receipt, last third against first: does not grow",
    },
  ]),
];

export const latency: Measure = {
  name: "latency",
  title: "Commit to receipt",
  goals,
  run,
};
