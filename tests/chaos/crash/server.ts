/**
 * A database that can be crashed: a Postgres of our own with the stand-ins, or, with CRM_SYNC_TEST_DATABASE_URL, a server of
 * yours with the real pg_net, which needs CRM_SYNC_TEST_START_COMMAND to come back once its postmaster is gone.
 */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { startGivenServer } from "./given-server.ts";
import { startOwnServer } from "./own-server.ts";

export interface CrashServer {
  /** As `postgres`, no superuser. */
  url: string;
  version: string;
  /** The postmaster alone gets the signal: SIGQUIT is what `pg_ctl stop -m immediate` sends. Resolves when nothing listens. */
  end(signal: "SIGKILL" | "SIGQUIT"): Promise<void>;
  /** Starts it on what the end has left; resolves when it accepts connections. */
  start(): Promise<void>;
  /** SIGTERM to pg_net's worker; resolves when its batch has ended and the next worker runs. */
  terminateNetWorker(): Promise<void>;
  /** SIGKILL to pg_net's worker, upon which Postgres restarts every process. The stand-in's worker is no process of the server. */
  killNetWorker: (() => Promise<void>) | null;
  /** The worker's batch is rolled back in mid-air and sent again by the next one; of the stand-in only. */
  dropBatch: (() => Promise<void>) | null;
  stop(): Promise<void>;
}

const GIVEN_URL = process.env.CRM_SYNC_TEST_DATABASE_URL;
const START_COMMAND = process.env.CRM_SYNC_TEST_START_COMMAND;

export const onRealPgNet = GIVEN_URL !== undefined;

/** Why the postmaster of this server cannot be ended, or null if it can. */
export const postmasterStays =
  GIVEN_URL && !START_COMMAND
    ? "CRM_SYNC_TEST_START_COMMAND is not set: nothing here could start this server again"
    : null;

export function startCrashServer(): Promise<CrashServer> {
  return GIVEN_URL ? startGivenServer(GIVEN_URL, START_COMMAND) : startOwnServer();
}

/** Resolves once a session can be had and does not fail. */
export async function untilServes(url: string, limitMs = 60_000): Promise<void> {
  for (const deadline = Date.now() + limitMs; ; await sleep(50)) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.query("select");
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** Resolves once the port refuses connections. */
export async function untilNobodyListens(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  for (const deadline = Date.now() + 30_000; ; await sleep(20)) {
    const listens = await new Promise<boolean>((done) => {
      const probe = connect(Number(port), hostname, () => done(true));
      probe.once("error", () => done(false));
      probe.once("connect", () => probe.destroy());
    });
    if (!listens) return;
    if (Date.now() > deadline) throw new Error(`something still listens on port ${port}`);
  }
}

export async function versionsOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ versions: string }>(
      `select 'Postgres ' || split_part(current_setting('server_version'), ' ', 1)
              || ', pg_net ' || coalesce((select extversion from pg_extension where extname = 'pg_net'), '?')
              || case when obj_description('net'::regnamespace) like 'stand-in%' then ' (stand-in)' else '' end as versions`,
    );
    return rows[0]?.versions ?? "?";
  } finally {
    await client.end();
  }
}
