/** A data directory for one test, and the commands a person would type. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa, type Options } from "execa";
import { ROOT } from "../../../scripts/sql-files.ts";

export function makeDataDir(): { dataDir: string; remove: () => void } {
  const dataDir = mkdtempSync(join(tmpdir(), "crm-sync-stack-"));
  // As root, the server is another user and has to pass through.
  chmodSync(dataDir, 0o711);
  return { dataDir, remove: () => rmSync(dataDir, { recursive: true, force: true }) };
}

/** Runs one of scripts/ with node itself, so that a signal meets it and no wrapper. */
export function script(name: string, args: string[], env: Record<string, string> = {}) {
  const path = join(ROOT, "scripts", name);
  return execa(process.execPath, ["--import", "tsx", path, ...args], asTyped(env));
}

export function asTyped(env: Record<string, string>) {
  return {
    cwd: ROOT,
    env: { NO_COLOR: "1", DATABASE_URL: "", ...env },
    stdin: "ignore",
    reject: false,
    all: true,
  } as const satisfies Options;
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  for (const limit = Date.now() + 30_000; Date.now() < limit; await sleep(50)) {
    if (await condition()) return;
  }
  throw new Error(`${what}: not within 30 s`);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
