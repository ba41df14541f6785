/** Postgres with the stand-ins on a data directory of its own; its commits are as durable as a real server's. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openClosers } from "../../../scripts/local/closers.ts";
import { startCronRunner } from "../../../scripts/local/cron-runner.ts";
import { startNetWorker } from "../../../scripts/local/net-worker.ts";
import { installPlatform } from "../../../scripts/local/platform.ts";
import { startPostgres } from "../../../scripts/local/postgres.ts";
import { asPostgres } from "../../../scripts/local/stack.ts";
import { pushMigrations } from "../../../scripts/supabase-cli.ts";
import { type CrashServer, versionsOf } from "./server.ts";

const START_LIMIT_MS = 60_000;
/** What the postmaster of the real pg_net waits before it starts a worker again. */
const WORKER_RESTART_MS = 1_000;

export async function startOwnServer(): Promise<CrashServer> {
  const closers = openClosers();
  const folder = mkdtempSync(join(tmpdir(), "crm-sync-crash-"));
  // As root, the server is another user and has to pass through.
  chmodSync(folder, 0o711);
  closers.add("data directory", () => rmSync(folder, { recursive: true, force: true }));
  try {
    const options = { dataDir: join(folder, "data") };
    let postgres = await startPostgres(options);
    closers.add("postgres", () => postgres.stop("immediate"));
    const { url, port } = postgres;
    await installPlatform(url);
    await pushMigrations(asPostgres(url));
    let netWorker = startNetWorker({ url });
    closers.add("net worker", () => netWorker.kill());
    const cronRunner = startCronRunner({ url });
    closers.add("cron runner", cronRunner.stop);
    await Promise.all([netWorker.ready, cronRunner.ready]);

    const restartNetWorker = async () => {
      await sleep(WORKER_RESTART_MS);
      netWorker = startNetWorker({ url });
      await netWorker.ready;
    };
    return {
      url: asPostgres(url),
      version: await versionsOf(url),
      end: (signal) => (signal === "SIGKILL" ? postgres.kill() : postgres.stop("immediate")),
      start: async () => {
        postgres = await startAgain(() => startPostgres({ ...options, port }));
      },
      terminateNetWorker: () => netWorker.stop().then(restartNetWorker),
      killNetWorker: null,
      dropBatch: () => netWorker.kill().then(restartNetWorker),
      stop: closers.closeAll,
    };
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}

/**
 * The processes of a killed postmaster end by themselves, and until then they hold its memory. Its port may meanwhile be what
 * some other connection of this machine leaves from: the kernel gives any free one of these numbers.
 */
async function startAgain<T>(start: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + START_LIMIT_MS; ; await sleep(100)) {
    try {
      return await start();
    } catch (error) {
      const isHeld = /shared memory|EADDRINUSE/.test((error as Error).message);
      if (Date.now() > deadline || !isHeld) throw error;
    }
  }
}
