/** A server of yours with the real pg_net, on this machine; its processes are ended by the ids that it gives itself. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import { useGiven } from "../../integration/end-to-end/backend.ts";
import { requireLoopbackTestServer } from "../../support/test-server.ts";
import { type CrashServer, untilNobodyListens, untilServes, versionsOf } from "./server.ts";

const LIMIT_MS = 60_000;

export async function startGivenServer(
  givenUrl: string,
  startCommand: string | undefined,
): Promise<CrashServer> {
  const url = requireLoopbackTestServer(givenUrl);
  const { backend } = await useGiven(url);
  const { superuserUrl } = backend;
  if (!superuserUrl) {
    throw new Error(
      "these tests end processes of the server by id, and need supabase_admin to learn the ids",
    );
  }
  const netWorkerPid = async () =>
    (await oneValue<number>(superuserUrl, NET_WORKER_PID)) ?? undefined;

  /** Signals the worker and waits for its successor. */
  async function endNetWorker(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const before = await netWorkerPid();
    if (before === undefined) throw new Error("pg_net's worker does not run");
    process.kill(before, signal);
    for (const deadline = Date.now() + LIMIT_MS; ; await sleep(50)) {
      const now = await netWorkerPid().catch(() => undefined);
      if (now !== undefined && now !== before) return;
      if (Date.now() > deadline) throw new Error("pg_net's worker did not come back");
    }
  }

  return {
    url,
    version: await versionsOf(url),
    end: async (signal) => {
      process.kill(await postmasterPid(superuserUrl), signal);
      await untilNobodyListens(url);
    },
    start: async () => {
      if (!startCommand) throw new Error("CRM_SYNC_TEST_START_COMMAND is not set");
      await startAgain(url, startCommand);
    },
    terminateNetWorker: () => endNetWorker("SIGTERM"),
    killNetWorker: () => endNetWorker("SIGKILL").then(() => untilServes(url)),
    dropBatch: null,
    stop: async () => {
      await untilServes(url, 5_000);
      await oneValue(url, "select crm_sync.stop()");
    },
  };
}

const NET_WORKER_PID = "select pid from pg_stat_activity where backend_type ilike 'pg_net%'";

async function postmasterPid(superuserUrl: string): Promise<number> {
  const folder = await oneValue<string>(superuserUrl, "select current_setting('data_directory')");
  return Number(readFileSync(join(folder ?? "", "postmaster.pid"), "utf8").split("\n")[0]);
}

/** Repeats the command: a killed postmaster's processes hold its memory for a while, and its id may seem to be alive. */
async function startAgain(url: string, command: string): Promise<void> {
  for (const deadline = Date.now() + LIMIT_MS; ; await sleep(200)) {
    try {
      // What it starts keeps its output open: a pipe would never end.
      await promisify(execFile)("/bin/sh", ["-c", `(${command}) >/dev/null 2>&1`]);
      return await untilServes(url, 2_000);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

async function oneValue<T>(url: string, sql: string): Promise<T | undefined> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<[T]>({ text: sql, rowMode: "array" });
    return rows[0]?.[0];
  } finally {
    await client.end().catch(() => undefined);
  }
}
