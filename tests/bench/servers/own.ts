/** A Postgres of our own with the stand-ins, its commits as durable as a real server's, its workers in a process of theirs. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openClosers } from "../../../scripts/local/closers.ts";
import { installPlatform } from "../../../scripts/local/platform.ts";
import { startPostgres } from "../../../scripts/local/postgres.ts";
import { asPostgres } from "../../../scripts/local/stack.ts";
import { installFromSource } from "../../../scripts/migrations.ts";
import { startChild } from "../processes/child.ts";
import type { BenchServer } from "./server.ts";

/** A checkpoint in the middle of one contender's turn would be the work of another's. */
const SETTINGS = { max_wal_size: "8GB", checkpoint_timeout: "30min", shared_buffers: "256MB" };

export async function startOwnServer(): Promise<BenchServer> {
  const closers = openClosers();
  const folder = mkdtempSync(join(tmpdir(), "crm-sync-bench-"));
  // As root, the server is another user and has to pass through.
  chmodSync(folder, 0o711);
  closers.add("data directory", () => rmSync(folder, { recursive: true, force: true }));
  try {
    const postgres = await startPostgres({ dataDir: join(folder, "data"), settings: SETTINGS });
    closers.add("postgres", () => postgres.stop("immediate"));
    await installPlatform(postgres.url);
    await installFromSource(asPostgres(postgres.url));
    const workers = await startChild(new URL("../processes/platform.ts", import.meta.url), {
      url: postgres.url,
    });
    closers.add("workers", workers.stop);
    return { url: asPostgres(postgres.url), stop: closers.closeAll };
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}
