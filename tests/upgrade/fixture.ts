/**
 * What a release leaves in a database that is in use, kept when it was released (freeze.ts), and how it comes into another one:
 * tests/upgrade/<version>/data.json holds the rows, function/ the Edge Function that was deployed beside it.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { MIGRATIONS, readReleases } from "../../scripts/migrations/releases.ts";
import { ROOT } from "../../scripts/sql-files.ts";
import { pushMigrations } from "../../scripts/supabase-cli.ts";

export interface Fixture {
  /** Signs the envelopes and answers in it; obviously fake. */
  signingSecret: string;
  jobs: { jobname: string; schedule: string; command: string }[];
  /** By full name; each table's rows as JSON text, in which numbers stay exact. */
  tables: Record<string, string>;
  sequences: Record<string, string>;
}

/** Where they can be told from what came later: ours, the application's, and what pg_net had of us at that moment. */
export const SCHEMAS = ["crm_sync", "public", "net"];

export function fixtureFolder(version: string): string {
  return join(ROOT, "tests", "upgrade", version);
}

export function readFixture(version: string): Fixture {
  return JSON.parse(readFileSync(join(fixtureFolder(version), "data.json"), "utf8")) as Fixture;
}

/** Oldest first; of each one something is kept, or the tests that read it fail. */
export function frozenVersions(): string[] {
  return readReleases().map(({ version }) => version);
}

/** Pushes the migrations up to and with this release, as a project had them that installed it then. */
export async function pushRelease(url: string, version: string): Promise<void> {
  const releases = readReleases();
  const upTo = releases.findIndex((release) => release.version === version) + 1;
  const files = releases.slice(0, upTo).flatMap(({ migrations }) => Object.keys(migrations));
  const workdir = mkdtempSync(join(tmpdir(), "crm-sync-release-"));
  try {
    mkdirSync(join(workdir, "supabase/migrations"), { recursive: true });
    cpSync(join(ROOT, "supabase/config.toml"), join(workdir, "supabase/config.toml"));
    for (const file of files) {
      cpSync(join(MIGRATIONS, file), join(workdir, "supabase/migrations", file));
    }
    await pushMigrations(url, { workdir });
  } finally {
    rmSync(workdir, { recursive: true });
  }
}

/** As a superuser: replaces what the tables hold, without a trigger of anybody's. As if the server had been this one all along. */
export async function loadFixture(
  client: pg.ClientBase,
  fixture: Fixture,
  functionUrl: string,
): Promise<void> {
  await client.query("begin; set local session_replication_role = 'replica'");
  await client.query(`truncate ${Object.keys(fixture.tables).join(", ")} cascade`);
  for (const [table, rows] of Object.entries(fixture.tables)) {
    await client.query(
      `insert into ${table} overriding system value select * from json_populate_recordset(null::${table}, $1::json)`,
      [rows],
    );
  }
  for (const [sequence, value] of Object.entries(fixture.sequences)) {
    await client.query("select setval($1::regclass, $2)", [sequence, value]);
  }
  await client.query("update crm_sync.settings set started_on = crm_sync._server_identity()");
  // Signed too long ago, however young the release is.
  await client.query(
    `update net.http_request_queue
     set url = $1, headers = headers || '{"webhook-timestamp": "1760000000"}'`,
    [functionUrl],
  );
  await shiftToNow(client, Object.keys(fixture.tables));
  await client.query(
    "select vault.create_secret($1, 'crm_sync_function_url'), vault.create_secret($2, 'crm_sync_signing_secret')",
    [functionUrl, fixture.signingSecret],
  );
  await client.query("set local role postgres");
  for (const { jobname, schedule, command } of fixture.jobs) {
    await client.query("select cron.schedule($1, $2, $3)", [jobname, schedule, command]);
  }
  await client.query("commit");
}

/** As if it had all happened a moment ago: pg_net forgets an answer after six hours, a purge the rest in its time. */
async function shiftToNow(client: pg.ClientBase, tables: string[]): Promise<void> {
  const { rows } = await client.query<{ table: string; column: string; age: string }>(
    `select attrelid::regclass::text as table, quote_ident(attname) as column,
            (select now() - max(captured_at) from crm_sync.deliveries)::text as age
     from pg_catalog.pg_attribute
     where attrelid = any ($1::regclass[]) and atttypid = 'timestamptz'::regtype and attnum > 0 and not attisdropped`,
    [tables],
  );
  for (const { table, column, age } of rows) {
    await client.query(`update ${table} set ${column} = ${column} + $1::interval`, [age]);
  }
}
