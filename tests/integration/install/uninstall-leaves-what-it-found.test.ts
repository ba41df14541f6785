/** A project that had its tables before us: after the uninstall its catalog, its rows and pg_cron's jobs are as they were. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { diffCatalogs, readCatalog } from "../../../scripts/catalog.ts";
import { ROOT, sqlFiles } from "../../../scripts/sql-files.ts";
import { createTestDatabase } from "../../support/database.ts";

const SCHEMAS = ["public", "crm_sync", "extensions", "cron", "net", "vault"];
const UNINSTALL = readFileSync(join(ROOT, "sql/ops/uninstall.sql"), "utf8");
const LEAD =
  "insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test')";

it("nothing of ours, and everything of theirs", async () => {
  const { client, before } = await openInstalled();
  await client.query("select crm_sync.start()");
  await client.query("begin; set local crm_sync.origin = 'monelec'");
  await client.query(LEAD);
  await client.query("commit");
  await client.query(
    "insert into cron.job_run_details (runid, jobid, command) values (1, 1, crm_sync._tick_command()), (2, 1, 'select theirs()')",
  );
  await client.query(UNINSTALL);
  expect(diffCatalogs(before, await readCatalog(client, SCHEMAS))).toEqual([]);
  expect(await all(client, "select email from leads")).toEqual([{ email: "ada@example.test" }]);
  expect(await all(client, "select jobname from cron.job")).toEqual([{ jobname: "theirs" }]);
  expect(await all(client, "select command from cron.job_run_details")).toEqual([
    { command: "select theirs()" },
  ]);
  expect(await all(client, "select name from vault.secrets")).toEqual([{ name: "theirs" }]);
  expect(
    await all(client, "select rolname from pg_roles where rolname like 'crm\\_sync%'"),
  ).toEqual([]);
  await client.query("update leads set email = 'bob@example.test'");
});

it("what has not arrived is not thrown away unasked", async () => {
  const { client, before } = await openInstalled();
  await client.query(LEAD);
  await expect(client.query(UNINSTALL)).rejects.toMatchObject({
    code: "CS033",
    message: "not everything has arrived: 1 pending",
  });
  expect(await all(client, "select status from crm_sync.deliveries")).toEqual([
    { status: "pending" },
  ]);
  await client.query("set crm_sync.discard = 'yes'");
  await client.query(UNINSTALL);
  expect(diffCatalogs(before, await readCatalog(client, SCHEMAS))).toEqual([]);
});

it("a view of theirs over ours stops it, and a role that has members stays", async () => {
  const { client } = await openInstalled();
  await client.query("create view public.their_log as select * from crm_sync.delivery_log");
  await expect(client.query(UNINSTALL)).rejects.toMatchObject({
    message: "views outside of crm_sync read it: their_log",
  });
  await client.query(
    "drop view public.their_log; create role theirs_reads; grant crm_sync_reader to theirs_reads",
  );
  await client.query(UNINSTALL);
  expect(
    await all(client, "select rolname from pg_roles where rolname like 'crm\\_sync%'"),
  ).toEqual([{ rolname: "crm_sync_reader" }]);
  await client.query("drop role theirs_reads; drop role crm_sync_reader");
});

/** Their tables, a job and a secret of theirs; then ours on top, and attached. */
async function openInstalled(): Promise<{ client: pg.Client; before: string[] }> {
  const { postgresUrl } = await createTestDatabase();
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  onTestFinished(() => client.end());
  const [tables = "", ...attachments] = sqlFiles("app").sort((a) =>
    a.endsWith("tables.sql") ? -1 : 1,
  );
  await run(client, [tables]);
  await client.query(
    "select cron.schedule('theirs', '0 0 * * *', 'select theirs()'), vault.create_secret('obviously fake', 'theirs')",
  );
  const before = await readCatalog(client, SCHEMAS);
  await run(client, [...sqlFiles("crm_sync"), ...attachments]);
  await client.query(`select vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url'),
    vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret')`);
  return { client, before };
}

async function run(client: pg.Client, files: readonly string[]): Promise<void> {
  for (const file of files) await client.query(readFileSync(join(ROOT, file), "utf8"));
}

async function all(client: pg.Client, sql: string): Promise<unknown[]> {
  return (await client.query(sql)).rows;
}
