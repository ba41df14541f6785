/**
 * Putting the triggers on a table that is being written to: how long that takes, and how long the longest write waits for its
 * lock. Beside it, what every `create trigger` needs.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { type Bench, inTurn } from "../bench.ts";
import type { Contender } from "../contenders/contender.ts";
import { now } from "../processes/clock.ts";
import { insertOne } from "../rows.ts";
import { openRecorder } from "../series.ts";
import { inSession, timed } from "../sessions.ts";
import { median, percentile } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const WRITERS = 4;
const WRITE_EVERY_MS = 10;
const PAUSE_MS = 500;

/** With the arguments that it was attached with. */
const ATTACH = `
  select crm_sync.attach(
      table_name::regclass, route, watched, ordering_key, condition, transition, columns, joined)
  from crm_sync.attachments where table_name = 'public.leads'`;

/** The stock webhook's own trigger, made anew in one transaction. */
const CREATE_TRIGGER = `
  do $$
  declare
      v_trigger text := (select pg_get_triggerdef(oid) from pg_trigger where tgname = 'stock_webhook');
  begin
      drop trigger stock_webhook on bench.stock_webhook;
      execute v_trigger;
  end
  $$`;

interface Write {
  from: number;
  to: number;
}

async function run(bench: Bench) {
  const recorder = openRecorder();
  const contenders = bench.contenders.filter(
    ({ name }) => name === "stock-webhook" || name === "crm-sync",
  );
  await inTurn(bench, contenders, async (contender) => {
    const sql = contender === bench.crmSync ? ATTACH : CREATE_TRIGGER;
    const { attachments, writes } = await attachUnderLoad(bench, contender, sql);
    const overlap = writes.filter((write) =>
      attachments.some(({ from, to }) => write.from < to && write.to > from),
    );
    const others = writes.filter((write) => !overlap.includes(write));
    const add = (name: string, figure: number) =>
      recorder.add({ case: name, contender: contender.name, unit: "ms" }, figure);
    add("time of attaching, median", median(attachments.map(lengthOf)));
    add("time of attaching, longest", percentile(attachments.map(lengthOf), 1));
    add("write meanwhile, longest", percentile(overlap.map(lengthOf), 1));
    add("write otherwise, p99", percentile(others.map(lengthOf), 0.99));
  });
  return recorder.series();
}

async function attachUnderLoad(bench: Bench, contender: Contender, sql: string) {
  const writing = new AbortController();
  const writers = Array.from({ length: WRITERS }, () =>
    inSession(bench.server.url, (client) => write(client, contender, writing.signal)),
  );
  const attachments: Write[] = [];
  try {
    await inSession(bench.server.url, async (client) => {
      for (let count = 0; count < bench.plan.attachments; count += 1) {
        await sleep(PAUSE_MS);
        const from = now();
        attachments.push({ from, to: from + (await timed(() => client.query(sql))) });
      }
    });
  } finally {
    writing.abort();
  }
  return { attachments, writes: (await Promise.all(writers)).flat() };
}

async function write(
  client: pg.Client,
  contender: Contender,
  signal: AbortSignal,
): Promise<Write[]> {
  const writes: Write[] = [];
  while (!signal.aborted) {
    const from = now();
    writes.push({ from, to: from + (await timed(() => client.query(insertOne(contender.table)))) });
    await sleep(WRITE_EVERY_MS);
  }
  return writes;
}

function lengthOf({ from, to }: Write): number {
  return to - from;
}

export const attachTime: Measure = {
  name: "attach",
  title: `Attaching under ${WRITERS} writers`,
  goals: [],
  run,
};
