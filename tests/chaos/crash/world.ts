/** One world for each test: a database that can be crashed, the real function in Deno, a receiver, and the faults between them. */
import pg from "pg";
import { type Closers, openClosers } from "../../../scripts/local/closers.ts";
import { type FunctionServer, startFunction } from "../../../scripts/local/function-server.ts";
import { type Receiver, startReceiver } from "../../../scripts/local/receiver/index.ts";
import { envOf } from "../../../scripts/local/stack.ts";
import { writeVault } from "../../../scripts/local/vault.ts";
import { breakEngine } from "../world/break-engine.ts";
import { type CrashServer, startCrashServer, untilServes } from "./server.ts";
import { type SilentProxy, startSilentProxy } from "./silent-proxy.ts";

export interface World {
  server: CrashServer;
  receiver: Receiver;
  /** Between pg_net and the function. */
  beforeFunction: SilentProxy;
  /** Between the function and the receivers. */
  beforeReceiver: SilentProxy;
  functionServer: () => FunctionServer;
  /** SIGKILL for Deno; resolves when its port refuses connections. */
  killFunction(): Promise<void>;
  startFunction(): Promise<void>;
  /** In a session that is opened anew when the server has ended the last one. */
  query<R extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>;
  /** In one of the sessions that are open. */
  queryAtOnce<R extends pg.QueryResultRow>(sql: string): Promise<R[]>;
  stop(): Promise<void>;
}

const SIGNING_SECRET = `whsec_${Buffer.from("obviously fake, for crash tests").toString("base64")}`;

/** Long enough for a batch to be under way when the blow falls. */
const RECEIVER_MS = 150;

export async function startWorld(): Promise<World> {
  const closers = openClosers();
  try {
    return await start(closers);
  } catch (error) {
    await closers.closeAll().catch(() => undefined);
    throw error;
  }
}

async function start(closers: Closers): Promise<World> {
  const server = await startCrashServer();
  closers.add("server", server.stop);
  const receiver = await startReceiver();
  closers.add("receiver", receiver.stop);
  receiver.setLatency(RECEIVER_MS);
  const beforeReceiver = await startSilentProxy(receiver.url);
  closers.add("proxy before the receiver", beforeReceiver.stop);
  const { MONELEC_API_URL = "", ELEMENTOR_WEBHOOK_URL = "", ...env } = envOf(receiver);
  const functionEnv = {
    ...env,
    MONELEC_API_URL: beforeReceiver.through(MONELEC_API_URL),
    ELEMENTOR_WEBHOOK_URL: beforeReceiver.through(ELEMENTOR_WEBHOOK_URL),
    CRM_SYNC_SIGNING_SECRET: SIGNING_SECRET,
  };
  let functionServer = await startFunction({ env: functionEnv });
  closers.add("function", () => functionServer.stop());
  const functionUrl = functionServer.url;
  const beforeFunction = await startSilentProxy(functionUrl);
  closers.add("proxy before the function", beforeFunction.stop);

  const pool = new pg.Pool({ connectionString: server.url, max: 2 });
  pool.on("error", () => undefined);
  closers.add("pool", () => pool.end());
  const client = await pool.connect();
  try {
    await breakEngine(client, "CRM_SYNC_CRASH_BREAK");
    await writeVault(client, {
      crm_sync_function_url: beforeFunction.through(functionUrl),
      crm_sync_signing_secret: SIGNING_SECRET,
    });
    await client.query("select crm_sync.start()");
  } finally {
    client.release();
  }

  return {
    ...{ server, receiver, beforeFunction, beforeReceiver },
    functionServer: () => functionServer,
    killFunction: async () => {
      process.kill(functionServer.pid, "SIGKILL");
      // It is gone already: this waits for its end, and takes its exit hook off.
      await functionServer.stop();
    },
    startFunction: async () => {
      functionServer = await startFunction({
        env: functionEnv,
        port: Number(new URL(functionUrl).port),
      });
    },
    query: async (sql, values) => {
      await untilServes(server.url);
      return (await pool.query(sql, values)).rows;
    },
    queryAtOnce: async (sql) => (await pool.query(sql)).rows,
    stop: closers.closeAll,
  };
}
