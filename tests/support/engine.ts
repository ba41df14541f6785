/** Databases with the engine in them, set up and running; nothing sends or ticks there by itself. */
import pg from "pg";
import { onTestFinished } from "vitest";
import { pushMigrations } from "../../scripts/supabase-cli.ts";
import { withClient } from "../../scripts/with-client.ts";
import { breakEngine } from "../chaos/world/break-engine.ts";
import { createTestDatabase, type Template, type TestDatabase } from "./database.ts";

/** CRM_SYNC_ENGINE_BREAK: a file of SQL that takes one rule out of the engine. */
export const ENGINE: Template = {
  name: "engine",
  build: ({ postgresUrl }) => installEngine(postgresUrl),
};

export async function installEngine(url: string): Promise<void> {
  await pushMigrations(url);
  await withClient(url, async (client) => {
    await client.query(`
      select vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
      select vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
      update crm_sync.settings set is_running = true;
    `);
    await breakEngine(client, "CRM_SYNC_ENGINE_BREAK");
  });
}

/** A session in a database of its own, for as long as the test. */
export async function openEngine(): Promise<pg.Client> {
  return openSession(await createTestDatabase(ENGINE));
}

/** For as long as the test. */
export async function openSession({ postgresUrl }: TestDatabase): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}
