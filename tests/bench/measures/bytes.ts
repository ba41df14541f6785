/** What a captured row writes to the log of the server, at its commit and until it is delivered, and what stays of it in tables. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Bench, inTurn } from "../bench.ts";
import type { Contender } from "../contenders/contender.ts";
import { insertMany, newIds } from "../rows.ts";
import { openRecorder } from "../series.ts";
import { inSession } from "../sessions.ts";
import { untilArrived } from "./arrivals.ts";
import type { Measure } from "./measure.ts";

const ROWS_A_STATEMENT = 1_000;
const LIMIT_MS = 300_000;
const POLL_MS = 100;

async function run(bench: Bench) {
  const recorder = openRecorder();
  const rows = bench.plan.bytesRows;
  await inTurn(bench, bench.contenders, async (contender) => {
    const sizeBefore = await ledgerBytes(bench, contender);
    const start = await walPosition(bench);
    await inSession(bench.server.url, async (client) => {
      for (let written = 0; written < rows; written += ROWS_A_STATEMENT)
        await client.query(
          insertMany(contender.table, newIds(Math.min(ROWS_A_STATEMENT, rows - written))),
        );
    });
    const committed = await walPosition(bench);
    if (contender.delivers) await untilSettled(bench, contender, rows);
    const settled = await walPosition(bench);
    const add = (name: string, bytes: number) =>
      recorder.add({ case: name, contender: contender.name, unit: "bytes/row" }, bytes / rows);
    add("log, written by the commit", committed - start);
    add("log, until delivered", settled - start);
    if (contender.delivers) add("kept", (await ledgerBytes(bench, contender)) - sizeBefore);
  });
  return recorder.series();
}

async function untilSettled(bench: Bench, contender: Contender, rows: number): Promise<void> {
  if (!(await untilArrived(bench, rows, LIMIT_MS)))
    throw new Error(`${contender.name} has not delivered ${rows} rows within ${LIMIT_MS} ms`);
  while ((await contender.waiting()) > 0) await sleep(POLL_MS);
}

async function walPosition({ db }: Bench): Promise<number> {
  const { rows } = await db.query<{ bytes: string }>(
    "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes",
  );
  return Number(rows[0]?.bytes);
}

/** With indexes; after a vacuum, as autovacuum would leave them. */
async function ledgerBytes({ db }: Bench, { ledger }: Contender): Promise<number> {
  for (const table of ledger) await db.query(`vacuum ${table}`);
  const { rows } = await db.query<{ bytes: string }>(
    "select coalesce(sum(pg_total_relation_size(name::regclass)), 0) as bytes from unnest($1::text[]) as names (name)",
    [ledger],
  );
  return Number(rows[0]?.bytes);
}

export const bytes: Measure = {
  name: "bytes",
  title: "Bytes of a captured row",
  goals: [],
  run,
};
