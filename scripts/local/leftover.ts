/** A server that outlived its stack, because the stack was killed before it could stop anything. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

const STOP_LIMIT_MS = 20_000;

/**
 * Stops the server that runs on this cluster, if there is one; returns whether there was.
 * Its process id is taken from the cluster's own file, and believed only if the server itself confirms it.
 */
export async function stopLeftoverServer(cluster: string): Promise<boolean> {
  const pidFile = join(cluster, "postmaster.pid");
  if (!existsSync(pidFile)) return false;
  const [pid, directory, , port] = readFileSync(pidFile, "utf8").split("\n");
  if (!pid || directory !== (await dataDirectoryOf(Number(port)))) return false;
  process.kill(Number(pid), "SIGINT");
  for (const deadline = Date.now() + STOP_LIMIT_MS; existsSync(pidFile); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`process ${pid} does not stop: it holds ${cluster}`);
  }
  return true;
}

async function dataDirectoryOf(port: number): Promise<string | null> {
  const client = new pg.Client({
    connectionString: `postgres://supabase_admin@127.0.0.1:${port}/postgres`,
    connectionTimeoutMillis: 5_000,
  });
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>("show data_directory");
    return rows[0]?.data_directory ?? null;
  } catch {
    return null;
  } finally {
    await client.end().catch(() => undefined);
  }
}
