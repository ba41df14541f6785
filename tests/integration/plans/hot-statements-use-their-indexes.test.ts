/**
 * No stopwatch: which rows the hot path reads while the ledger holds 200,000 that are none of its business. With statistics
 * of an empty ledger, as a burst leaves them, in a session that made its plans then; and with those of the next analyze.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { answerAll } from "../../support/answers.ts";
import { createTestDatabase } from "../../support/database.ts";
import { ENGINE } from "../../support/engine.ts";
import { type Explained, openExplained, type Scan } from "./nested-plans.ts";

const ROWS = 200_000;
/** What may be read beyond what a statement is about: a page of settings, a window, a batch's others. */
const FEW = 300;
/** crm_sync.settings.max_deliveries_at_once */
const AT_ONCE = 5_000;

const LEAD = "insert into leads (email) values ('lea@example.test')";
const BURST = "insert into leads (email) select 'lea@example.test' from generate_series(1, 6000)";
const TICK = "select crm_sync.tick()";
/** Each minute. How usual a silence is it judges by the newest 20,000. */
const ALERT = "select crm_sync.alert()";
const NEWEST = 20_000;
const CLOSE_BREAKER =
  "update crm_sync.breakers set state = 'closed', open_until = null where breaker = 'monelec'";

test("beside 200,000 that wait behind others of their keys", { timeout: 180_000 }, async () => {
  const session = await openWithLedger("blocked-keys");
  await expectFewRead(session, "never analyzed");
  await analyze(session);
  await expectFewRead(session, "analyzed");
});

test("beside 200,000 that were delivered, and when a burst follows", {
  timeout: 180_000,
}, async () => {
  const session = await openWithLedger("finished");
  await expectFewRead(session, "never analyzed");
  await analyze(session);
  await expectFewRead(session, "analyzed");
  const looked = await session.scansOf(ALERT);
  expect(looked.length).toBeGreaterThan(10);
  expect(looked.filter(({ table, rows }) => isOurs(table) && rows > NEWEST + FEW)).toEqual([]);
  // For the planner nothing is pending: that was so at the last analyze.
  await session.client.query(BURST);
  await expectOnlySentRead(session);
});

test("the requests of seven hours, beside those of a week", { timeout: 180_000 }, async () => {
  const session = await openWithLedger("finished");
  for (const statistics of ["never analyzed", "analyzed"]) {
    if (statistics === "analyzed") await analyze(session);
    const scans = await session.scansOf("select from crm_sync.http_log");
    expect(scans.length).toBeGreaterThan(0);
    expect(
      scans.filter(({ table, rows }) => isOurs(table) && rows > FEW),
      statistics,
    ).toEqual([]);
  }
});

test("of 10,000 under way, the few hundred that were answered", { timeout: 180_000 }, async () => {
  const session = await openWithLedger("finished", 2_000);
  await analyze(session);
  await session.client.query(BURST);
  await session.client.query(BURST);
  await session.client.query(TICK);
  await session.client.query(TICK);
  // This tick settles, and sends nothing.
  await session.client.query("update crm_sync.destinations set is_paused = true");
  await answerAll(session.client, 5);
  const scans = await session.scansOf(TICK);
  const answered = 5 * 100;
  expect(scans.length).toBeGreaterThan(10);
  expect(scans.filter(({ table, rows }) => isOurs(table) && rows > 2 * answered + FEW)).toEqual([]);
});

test("beside 200,000 behind an open breaker, and when it closes", {
  timeout: 180_000,
}, async () => {
  const session = await openWithLedger("open-breaker");
  await expectFewRead(session, "never analyzed");
  await session.client.query(CLOSE_BREAKER);
  await expectOnlySentRead(session);
  await analyze(session);
  await expectOnlySentRead(session);
});

/** A row, its dispatch at commit or by the tick, its answer. */
async function expectFewRead(session: Explained, statistics: string): Promise<void> {
  const scans = [...(await session.scansOf(LEAD)), ...(await session.scansOf(TICK))];
  await answerAll(session.client);
  scans.push(...(await session.scansOf(TICK)));
  expect(scans.length).toBeGreaterThan(10);
  expect(
    scans.filter(({ table, rows }) => isOurs(table) && rows > FEW),
    statistics,
  ).toEqual([]);
}

/** A tick that sends thousands, and one that settles them. */
async function expectOnlySentRead(session: Explained): Promise<void> {
  const scans = await session.scansOf(TICK);
  await answerAll(session.client);
  scans.push(...(await session.scansOf(TICK)));
  expect(Math.max(...scans.map(({ rows }) => rows))).toBeGreaterThanOrEqual(AT_ONCE);
  expect(scans.filter(readsMoreThanSent)).toEqual([]);
  await answerAll(session.client);
  await session.client.query(TICK);
}

/** Each outcome asks two breakers, and a join may try it with all three; never with each other outcome. */
function readsMoreThanSent({ table, rows }: Scan): boolean {
  return isOurs(table) && rows > (table ? 2 * AT_ONCE + FEW : 6 * AT_ONCE);
}

/** Or a join's. */
function isOurs(table: string | null): boolean {
  return !table?.startsWith("net.");
}

async function openWithLedger(
  ledger: "finished" | "blocked-keys" | "open-breaker",
  rows = ROWS,
): Promise<Explained> {
  const database = await createTestDatabase(ENGINE);
  const session = await openExplained(database.superuserUrl);
  onTestFinished(() => session.client.end());
  // The plans of this session are made over an empty ledger.
  await session.client.query(LEAD);
  await answerAll(session.client);
  await session.client.query(TICK);
  await withClient(database.superuserUrl, async (client) => {
    await client.query("alter table crm_sync.deliveries set (autovacuum_enabled = false)");
    const file = join(ROOT, "tests/bench/contenders/ledgers", `${ledger}.sql`);
    await client.query(readFileSync(file, "utf8").replaceAll(":rows", String(rows)));
  });
  return session;
}

async function analyze({ client }: Explained): Promise<void> {
  await client.query("analyze crm_sync.deliveries, crm_sync.envelopes, crm_sync.delivery_attempts");
}
