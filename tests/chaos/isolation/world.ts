/** The database of the end-to-end tests, ticked by pg_cron alone; the real function, and receivers that can be told to hang. */
import pg from "pg";
import { inject } from "vitest";
import { openClosers } from "../../../scripts/local/closers.ts";
import { startFunction } from "../../../scripts/local/function-server.ts";
import { type Receiver, startReceiver } from "../../../scripts/local/receiver/index.ts";
import { envOf } from "../../../scripts/local/stack.ts";
import { writeVault } from "../../../scripts/local/vault.ts";
import { withClient } from "../../../scripts/with-client.ts";
import type { Backend } from "../../integration/end-to-end/backend.ts";
import { breakEngine } from "../world/break-engine.ts";

export interface World {
  backend: Backend;
  receiver: Receiver;
  query<R extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>;
  /** What was measured on: Postgres and what sends. */
  version: string;
  stop(): Promise<void>;
}

const SIGNING_SECRET = `whsec_${Buffer.from("obviously fake, for isolation tests").toString("base64")}`;

const VERSIONS = `
  select current_setting('server_version') as postgres, extversion as pg_net from pg_extension where extname = 'pg_net'`;

export async function startWorld(): Promise<World> {
  const backend = inject("backend");
  const closers = openClosers();
  try {
    const receiver = await startReceiver();
    closers.add("receiver", receiver.stop);
    const functionServer = await startFunction({
      env: { ...envOf(receiver), CRM_SYNC_SIGNING_SECRET: SIGNING_SECRET },
    });
    closers.add("function", functionServer.stop);
    const pool = new pg.Pool({ connectionString: backend.url, max: 2 });
    pool.on("error", () => undefined);
    closers.add("pool", () => pool.end());
    const query: World["query"] = async (sql, values) => (await pool.query(sql, values)).rows;

    await withClient(backend.url, async (client) => {
      await breakEngine(client, "CRM_SYNC_ISOLATION_BREAK");
      await writeVault(client, {
        crm_sync_function_url: functionServer.url,
        crm_sync_signing_secret: SIGNING_SECRET,
      });
    });
    await query("select crm_sync.start()");
    closers.add("deliveries", () => query("select crm_sync.stop()"));
    const [versions] = await query<{ postgres: string; pg_net: string }>(VERSIONS);
    const isOurs = backend.logFile !== null;
    const version = `Postgres ${versions?.postgres}, ${isOurs ? "stand-in of " : ""}pg_net ${versions?.pg_net}`;
    return { backend, receiver, query, version, stop: closers.closeAll };
  } catch (error) {
    await closers.closeAll().catch(() => undefined);
    throw error;
  }
}
