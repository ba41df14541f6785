/** What needs two sessions, and so can not stand among the pgTAP files. */
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pushMigrations } from "../../../scripts/supabase-cli.ts";
import { createTestDatabase } from "../../support/database.ts";

let first: pg.Client;
let second: pg.Client;

beforeAll(async () => {
  const { postgresUrl } = await createTestDatabase({
    name: "engine",
    build: (database) => pushMigrations(database.postgresUrl),
  });
  first = new pg.Client({ connectionString: postgresUrl });
  second = new pg.Client({ connectionString: postgresUrl });
  await Promise.all([first.connect(), second.connect()]);
});

afterAll(() => Promise.all([first.end(), second.end()]));

const STEPS = ["capture_missed", "capture_related", "reconcile", "dispatch"];

async function tick(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ step: string }>("select step from crm_sync.tick()");
  return rows.map(({ step }) => step);
}

it("returns nothing, and waits for nobody, while another one runs", async () => {
  await first.query("begin");
  expect(await tick(first)).toEqual(STEPS);
  await second.query("set statement_timeout = '2s'");
  expect(await tick(second)).toEqual([]);
  await first.query("commit");
  expect(await tick(second)).toEqual(STEPS);
});

it("returns nothing while start, stop or a person changes the settings", async () => {
  await first.query("begin");
  await first.query("update crm_sync.settings set lease = '3 minutes'");
  expect(await tick(second)).toEqual([]);
  await first.query("rollback");
  expect(await tick(second)).toEqual(STEPS);
});

it("waits for no row that an operator is changing, and leaves its key alone", async () => {
  await second.query(`
    select vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    select vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
    insert into leads (email) values ('ada@example.test'), ('bob@example.test');
  `);
  await second.query("update crm_sync.settings set is_running = true");
  await first.query("begin");
  await first.query(
    "select crm_sync.cancel(array[(select min(delivery_id) from crm_sync.deliveries)])",
  );
  expect(await tick(second)).toEqual(STEPS);
  expect(await statuses()).toEqual(["pending", "in_flight"]);
  await first.query("commit");
  expect(await statuses()).toEqual(["cancelled", "in_flight"]);
});

it("takes back no request that pg_net is sending right now", async () => {
  // What pg_net's worker does while a batch runs: its rows are deleted and not yet committed.
  await first.query("begin");
  await first.query("delete from net.http_request_queue");
  await second.query("select crm_sync.tick(clock_timestamp() + interval '1 hour')");
  expect(await statuses()).toEqual(["cancelled", "in_flight"]);
  await first.query("rollback");
  await second.query("select crm_sync.tick(clock_timestamp() + interval '1 hour')");
  const { rows } = await second.query("select status from crm_sync.envelopes order by 1");
  expect(rows).toEqual([{ status: "in_flight" }, { status: "taken_back" }]);
});

async function statuses(): Promise<string[]> {
  const { rows } = await second.query<{ status: string }>(
    "select status from crm_sync.deliveries order by delivery_id",
  );
  return rows.map(({ status }) => status);
}
