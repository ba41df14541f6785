/** An engine in which something happens, and what psql would print of a statement, for the documents that say so. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { onTestFinished } from "vitest";
import { installFromSource } from "../../../scripts/migrations.ts";
import { ROOT } from "../../../scripts/sql-files.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { createTestDatabase } from "../../support/database.ts";

/** Every value as Postgres writes it, as psql shows it. */
const AS_TEXT = { getTypeParser: () => (value: unknown) => value };

/** A session of `postgres` in a database of its own, started, in which this procedure of rehearsal.sql has happened. */
export async function openRehearsal(happened: string): Promise<pg.Client> {
  const { postgresUrl } = await createTestDatabase({
    name: `rehearsal_${happened}`,
    build: (database) => installRehearsal(database.postgresUrl, happened),
  });
  const client = new pg.Client({
    connectionString: postgresUrl,
    types: AS_TEXT as unknown as pg.CustomTypesConfig,
  });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query("set timezone = 'UTC'; select crm_sync.start(); call rehearsal.works()");
  return client;
}

async function installRehearsal(url: string, happened: string): Promise<void> {
  await installFromSource(url);
  const sql = await readFile(join(ROOT, "tests/integration/docs/rehearsal.sql"), "utf8");
  await withClient(url, async (client) => {
    await client.query(sql);
    await client.query(`call rehearsal.${happened}()`);
  });
}

export interface Printed {
  columns: string[];
  rows: (string | null)[][];
}

/** What each statement of a text gives back; those that give back nothing are left out. */
export async function run(client: pg.Client, sql: string): Promise<Printed[]> {
  const given = await client.query({ text: sql, rowMode: "array" });
  const results = (Array.isArray(given) ? given : [given]) as pg.QueryArrayResult<
    (string | null)[]
  >[];
  return results
    .filter(({ fields }) => fields.length > 0)
    .map(({ fields, rows }) => ({ columns: fields.map(({ name }) => name), rows }));
}
