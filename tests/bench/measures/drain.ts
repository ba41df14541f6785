/** A backlog written by one statement: rows a second from its commit until the last one has arrived. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Bench, inTurn, running } from "../bench.ts";
import type { Contender } from "../contenders/contender.ts";
import { now } from "../processes/clock.ts";
import { insertMany, newIds } from "../rows.ts";
import { openRecorder } from "../series.ts";
import { inSession } from "../sessions.ts";
import { untilArrived } from "./arrivals.ts";
import type { Measure } from "./measure.ts";

const CHOICE_ROWS = 5_000;
const CHOICE_LIMIT_MS = 20_000;
const CASE = "rows a second";
/** Between two looks at graphile-worker's last jobs. */
const PAUSE_MS = 1_000;

interface Drain {
  rowsPerSecond: number;
  rows: number;
  arrived: number;
  elapsedMs: number;
  /** Calls of the receiver; more than rows: some were made again. */
  calls: number;
}

/** The contender runs. What has not arrived by the limit does not count. */
async function drain(
  bench: Bench,
  contender: Contender,
  rows: number,
  limitMs: number,
): Promise<Drain> {
  await inSession(bench.server.url, (client) =>
    client.query(insertMany(contender.table, newIds(rows))),
  );
  const committedAt = now();
  const isWhole = await untilArrived(bench, rows, limitMs);
  const receipts = [...(await bench.receiver.receipts()).values()];
  const end = isWhole ? receipts.reduce((last, at) => Math.max(last, at), 0) : now();
  const elapsedMs = end - committedAt;
  return {
    rowsPerSecond: (1_000 * receipts.length) / elapsedMs,
    rows,
    arrived: receipts.length,
    elapsedMs,
    calls: await bench.receiver.calls(),
  };
}

async function run(bench: Bench) {
  const recorder = openRecorder();
  const { drainRows, drainLimitMs, peersDrainLimitMs } = bench.plan;
  const contenders = bench.contenders.filter(({ delivers }) => delivers);
  await inTurn(bench, contenders, async (contender) => {
    const limitMs = contender === bench.crmSync ? drainLimitMs : peersDrainLimitMs;
    const { rowsPerSecond, ...detail } = await drain(bench, contender, drainRows, limitMs);
    recorder.add({ case: CASE, contender: contender.name, unit: "rows/s" }, rowsPerSecond, detail);
  });
  return recorder.series();
}

/** graphile-worker at each concurrency; from here on it runs at the best one. */
async function choose(bench: Bench) {
  const recorder = openRecorder();
  const { graphileWorker, plan } = bench;
  let best = { concurrency: graphileWorker.concurrency(), rowsPerSecond: 0 };
  for (const concurrency of plan.concurrencies) {
    graphileWorker.setConcurrency(concurrency);
    const { rowsPerSecond, ...detail } = await running(bench, graphileWorker, () =>
      drain(bench, graphileWorker, CHOICE_ROWS, CHOICE_LIMIT_MS),
    );
    const place = { case: `concurrency ${concurrency}`, contender: graphileWorker.name };
    recorder.add({ ...place, unit: "rows/s" }, rowsPerSecond, detail);
    if (rowsPerSecond > best.rowsPerSecond) best = { concurrency, rowsPerSecond };
    await sleep(PAUSE_MS);
  }
  graphileWorker.setConcurrency(best.concurrency);
  return recorder.series();
}

export const drainRate: Measure = {
  name: "drain",
  title: "Drain of rows inserted in bulk, receiver takes 20 ms",
  goals: [
    {
      case: CASE,
      to: "stock-webhook",
      by: "ratio",
      atLeast: 12,
      text: "drain against the stock webhook",
    },
    {
      case: CASE,
      to: "graphile-worker",
      by: "ratio",
      atLeast: 4,
      text: "drain against graphile-worker",
    },
  ],
  run,
};

export const concurrencyChoice: Measure = {
  name: "graphile-worker-concurrency",
  title: `graphile-worker: the best concurrency, by a drain for ${CHOICE_LIMIT_MS / 1_000} s`,
  goals: [],
  run: choose,
};
