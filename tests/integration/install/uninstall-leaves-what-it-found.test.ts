/** A project that had its tables before us (the first test has the server to itself, whose roles are all databases'): after the uninstall its catalog, its rows and pg_cron's jobs are as they were. */
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
    "insert into cron.job_run_details (runid, jobid, command) select 0, 1, 'select theirs()' union all select row_number() over (), 1, command from crm_sync._wanted_jobs()",
  );
  await expect(client.query(UNINSTALL)).rejects.toMatchObject({ message: "crm-sync is running" });
  await client.query("select crm_sync.stop()");
  await client.query("alter table leads rename to their_leads");
  await client.query(UNINSTALL);
  await client.query("alter table their_leads rename to leads");
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

it("a change of a customer that nobody has looked at yet is not thrown away either", async () => {
  const { client } = await openInstalled();
  await client.query("insert into customers (email) values ('eva@example.test')");
  await client.query("update customers set phone = '01 02 03 04 05'");
  await expect(client.query(UNINSTALL)).rejects.toMatchObject({
    message: "not everything has arrived: 1 still to be looked at",
  });
});

it.each([
  [
    "a view",
    "create view public.theirs as select * from crm_sync.delivery_log",
    "rule _RETURN on view theirs",
  ],
  [
    "a view that calls a function",
    "create view public.theirs as select crm_sync.row_status('public.leads', id::text) from leads",
    "rule _RETURN on view theirs",
  ],
  [
    "a check",
    "alter table leads add constraint theirs check (crm_sync.is_present(email))",
    "constraint theirs on table leads",
  ],
  [
    "a generated column",
    "alter table leads add column theirs boolean generated always as (crm_sync.is_present(email)) stored",
    "theirs of table leads",
  ],
  [
    "a function",
    "create function public.theirs() returns text language plpgsql as $$ begin return crm_sync.version(); end $$",
    "function theirs()",
  ],
])("%s of theirs over ours stops it", async (_, sql, name) => {
  const { client } = await openInstalled();
  await client.query(sql);
  await expect(client.query(UNINSTALL)).rejects.toMatchObject({
    code: "2BP01",
    message: expect.stringContaining(name),
  });
  expect(await all(client, "select count(*)::int from crm_sync.settings")).toEqual([{ count: 1 }]);
});

it("a role that has members stays", async () => {
  const { client } = await openInstalled();
  const notices: (string | undefined)[] = [];
  client.on("notice", ({ message }) => notices.push(message));
  await client.query("create role theirs_reads; grant crm_sync_reader to theirs_reads");
  await client.query(UNINSTALL);
  expect(notices).toContain("role crm_sync_reader stays: it has members");
  await client.query("drop role theirs_reads");
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
