/**
 * What a local stack keeps in its data directory:
 * postgres/ (the cluster), stack.json (what outlives a stop) and running.json (while it runs: who and where).
 */
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { ROOT } from "../sql-files.ts";

export const DEFAULT_DATA_DIR = join(ROOT, ".crm-sync");

/** Apart from the other, so that no row of a trial ever reaches a real receiver. */
export const LIVE_DATA_DIR = join(DEFAULT_DATA_DIR, "live");

/** Where a running stack is looked for. */
export const DATA_DIRS = [DEFAULT_DATA_DIR, LIVE_DATA_DIR];

const runningSchema = z.object({
  /** The process that started the stack and will stop it. */
  pid: z.number().int(),
  /** Null while it starts, and where the server is the caller's own. */
  databaseUrl: z.string().nullable().default(null),
  functionUrl: z.string().nullable().default(null),
  receiverUrl: z.string().nullable().default(null),
  gatewayUrl: z.string().nullable().default(null),
});

export type Running = z.output<typeof runningSchema>;

const keptSchema = z.object({
  /** `whsec_…`, random, made at the first start; nowhere else but in Vault and the function's environment. */
  signingSecret: z.string().startsWith("whsec_"),
  /** Where the cluster really lies, if the server's OS user cannot reach the data directory. */
  postgresDir: z.string().optional(),
  /** Hashes of the migrations as they were applied, by file name. */
  migrations: z.record(z.string(), z.string()).default({}),
});

export type Kept = z.output<typeof keptSchema>;

const runningFile = (dataDir: string) => join(dataDir, "running.json");
const keptFile = (dataDir: string) => join(dataDir, "stack.json");

/** The stack that runs on this data directory, or null. A file left behind by a process that is gone counts as none. */
export function findRunning(dataDir: string): Running | null {
  if (!existsSync(runningFile(dataDir))) return null;
  const read = runningSchema.safeParse(readJson(runningFile(dataDir)));
  return read.success && isAlive(read.data.pid) ? read.data : null;
}

/**
 * The database of the stack that runs, on this data directory or where one is looked for; null: none runs.
 * Throws when its URL is only known to whoever started it.
 */
export function findRunningDatabase(dataDir?: string): string | null {
  const running = (dataDir ? [resolve(dataDir)] : DATA_DIRS)
    .map(findRunning)
    .find((found) => found !== null);
  if (!running) return null;
  if (running.databaseUrl) return running.databaseUrl;
  throw new Error(
    `process ${running.pid} is starting still, or runs on a server of your own: set DATABASE_URL here, too`,
  );
}

/** Makes this process the one that owns the data directory. Throws while another one does. */
export function claimDataDir(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true });
  const file = runningFile(dataDir);
  const claim = () =>
    writeFileSync(file, JSON.stringify({ pid: process.pid }), { flag: "wx", mode: 0o600 });
  try {
    claim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const other = findRunning(dataDir);
    if (other) {
      throw new Error(
        `${dataDir} is in use by another start (process ${other.pid}): stop it with Ctrl-C there. ` +
          `If that process is something else, remove ${file}`,
      );
    }
    rmSync(file);
    claim();
  }
}

export function noteRunning(dataDir: string, running: Omit<Running, "pid">): void {
  writeJson(runningFile(dataDir), { pid: process.pid, ...running });
}

export function releaseDataDir(dataDir: string): void {
  if (existsSync(runningFile(dataDir))) unlinkSync(runningFile(dataDir));
}

/** What earlier starts left behind, or the beginning of it: a new signing secret. */
export function readKept(dataDir: string): Kept {
  if (existsSync(keptFile(dataDir))) return keptSchema.parse(readJson(keptFile(dataDir)));
  const kept = {
    signingSecret: `whsec_${randomBytes(32).toString("base64")}`,
    migrations: {},
  };
  writeKept(dataDir, kept);
  return kept;
}

export function writeKept(dataDir: string, kept: Kept): void {
  writeJson(keptFile(dataDir), kept);
}

export function postgresDir(dataDir: string): string {
  return join(dataDir, "postgres");
}

/** Deletes the cluster and what belongs to it. The caller has claimed the directory, and no server runs on it. */
export function emptyDataDir(dataDir: string): void {
  for (const cluster of new Set([postgresDir(dataDir), readKept(dataDir).postgresDir])) {
    if (!cluster) continue;
    rmSync(cluster, { recursive: true, force: true });
    rmSync(`${cluster}.log`, { force: true });
  }
  rmSync(keptFile(dataDir), { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

/** Whole or not at all: a reader never sees half a file. */
function writeJson(file: string, value: unknown): void {
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, file);
}
