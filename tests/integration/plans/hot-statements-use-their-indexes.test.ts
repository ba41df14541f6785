/**
 * No stopwatch: which rows the hot path reads while the ledger holds 200,000 that are none of its business. Statistics are as
 * a burst leaves them, of an empty ledger, and the session made its plans then; and as the next analyze leaves them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { createTestDatabase } from "../../support/database.ts";
import { installEngine } from "../engine/two-sessions.ts";
import { type Explained, openExplained, type Scan } from "./nested-plans.ts";

const ROWS = 200_000;
/** What may be read beyond what a statement is about: a page of settings, a window, a batch's others. */
const FEW = 300;
/** crm_sync.settings.max_deliveries_at_once */
const AT_ONCE = 5_000;

const LEDGERS = ["finished", "blocked-keys", "open-breaker"] as const;
const LEAD = "insert into leads (email) values ('lea@example.test')";
const TICK = "select crm_sync.tick()";

test.each(
  LEDGERS.flatMap((ledger) => [[ledger, "never analyzed"] as const, [ledger, "analyzed"] as const]),
)(
  "beside 200,000 deliveries a commit and a tick read few rows: %s, %s",
  {
    timeout: 180_000,
  },
  async (ledger, statistics) => {
    const session = await openWithLedger(ledger, statistics);
    const scans = [...(await session.scansOf(LEAD)), ...(await session.scansOf(TICK))];
    await answerAll(session);
    scans.push(...(await session.scansOf(TICK)));

    expect(scans.length).toBeGreaterThan(10);
    expect(scans.filter((scan) => readsMoreThan(FEW, scan))).toEqual([]);
  },
);

test.each([
  ["open-breaker", "never analyzed", null],
  ["open-breaker", "analyzed", null],
  // What the last analyze saw had been delivered; then a burst.
  [
    "finished",
    "analyzed",
    "insert into leads (email) select 'lea@example.test' from generate_series(1, 6000)",
  ],
] as const)(
  "of thousands that are due a tick reads those that it sends, and settles those that it sent: %s, %s",
  { timeout: 180_000 },
  async (ledger, statistics, burst) => {
    const session = await openWithLedger(ledger, statistics);
    await session.client.query(
      "update crm_sync.breakers set state = 'closed', open_until = null where breaker = 'monelec'",
    );
    if (burst) await session.client.query(burst);
    const scans = await session.scansOf(TICK);
    await answerAll(session);
    scans.push(...(await session.scansOf(TICK)));

    expect(scans.filter((scan) => readsMoreThan(0, scan)).length).toBeGreaterThan(10);
    expect(scans.filter((scan) => readsMoreThan(limitOf(scan), scan))).toEqual([]);
  },
);

/** A join may try each row with the three breakers, not with each other row. */
function limitOf({ table }: Scan): number {
  return table ? AT_ONCE + FEW : 5 * AT_ONCE;
}

function readsMoreThan(limit: number, { table, rows }: Scan): boolean {
  return table?.startsWith("net.") !== true && rows > limit;
}

async function openWithLedger(
  ledger: (typeof LEDGERS)[number],
  statistics: "never analyzed" | "analyzed",
): Promise<Explained> {
  const database = await createTestDatabase({
    name: "engine",
    build: ({ postgresUrl }) => installEngine(postgresUrl),
  });
  const session = await openExplained(database.superuserUrl);
  onTestFinished(() => session.client.end());
  // The plans of this session are made over an empty ledger.
  await session.client.query(LEAD);
  await answerAll(session);
  await session.client.query(TICK);
  await withClient(database.superuserUrl, async (client) => {
    await client.query("alter table crm_sync.deliveries set (autovacuum_enabled = false)");
    await client.query(ledgerSql(ledger));
    if (statistics === "analyzed") await client.query("vacuum analyze");
  });
  return session;
}

function ledgerSql(ledger: (typeof LEDGERS)[number]): string {
  const file = join(ROOT, "tests/bench/contenders/ledgers", `${ledger}.sql`);
  return readFileSync(file, "utf8").replaceAll(":rows", String(ROWS));
}

/** As pg_net and the function leave it when everything in the queue was delivered. */
async function answerAll({ client }: Explained): Promise<void> {
  await client.query(`
    with sent as (delete from net.http_request_queue as queue returning queue.id, queue.body)
    insert into net._http_response (id, status_code, headers, content, created)
    select sent.id, 200, jsonb_build_object(
               'webhook-id', envelopes.envelope_id, 'webhook-timestamp', '1760000000',
               'webhook-signature', crm_sync._signatures(
                   envelopes.envelope_id::text, '1760000000', answer.content, (crm_sync._function_access()).secrets)),
           answer.content, now()
    from sent
    join crm_sync.envelopes on envelopes.request_id = sent.id
    cross join lateral (
        select jsonb_build_object('envelope_id', envelopes.envelope_id, 'results', (
            select jsonb_agg(jsonb_build_object('delivery_id', delivery -> 'id', 'outcome', 'delivered', 'status', 201))
            from jsonb_array_elements(convert_from(sent.body, 'UTF8')::jsonb -> 'deliveries') as delivery
        ))::text as content
    ) as answer`);
}
