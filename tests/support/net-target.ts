/**
 * What the contract tests of `net` run against: our stand-in on a server of its own, or, with CRM_SYNC_TEST_DATABASE_URL, the
 * real pg_net on a server of yours, whose two net tables the tests empty.
 * CRM_SYNC_TEST_CRASH_COMMAND, if set, must stop that server without a shutdown and start it again.
 */
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startNetWorker } from "../../scripts/local/net-worker.ts";
import { installPlatform } from "../../scripts/local/platform.ts";
import { startPostgres } from "../../scripts/local/postgres.ts";
import { requireLoopbackTestServer } from "./test-server.ts";

export interface NetTarget {
  /** As postgres, no superuser. */
  url: string;
  stop(): Promise<void>;
  /** Crashes the server and brings it back; absent when the tests have no way to. */
  crash?: () => Promise<void>;
}

export const targetName = process.env.CRM_SYNC_TEST_DATABASE_URL
  ? "the real pg_net"
  : "the stand-in";

export async function startNetTarget(): Promise<NetTarget> {
  const given = process.env.CRM_SYNC_TEST_DATABASE_URL;
  if (!given) return startStandIn();
  const command = process.env.CRM_SYNC_TEST_CRASH_COMMAND;
  return {
    url: requireLoopbackTestServer(given),
    stop: async () => undefined,
    ...(command && {
      crash: async () => {
        await promisify(execFile)("/bin/sh", ["-c", `${command} >/dev/null 2>&1`]);
      },
    }),
  };
}

async function startStandIn(): Promise<NetTarget> {
  const folder = mkdtempSync(join(tmpdir(), "crm-sync-net-"));
  chmodSync(folder, 0o711);
  const options = { dataDir: join(folder, "data"), fast: true };
  let server = await startPostgres(options);
  await installPlatform(server.url);
  const worker = startNetWorker({ url: server.url });
  await worker.ready;
  const url = new URL(server.url);
  url.username = "postgres";
  return {
    url: url.href,
    crash: async () => {
      await server.stop("immediate");
      server = await startPostgres({ ...options, port: server.port });
    },
    stop: async () => {
      await worker.stop();
      await server.stop("immediate");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
