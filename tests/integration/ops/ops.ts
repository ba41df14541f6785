/** The command line as a process, on a database of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { execa } from "execa";
import pg from "pg";
import { afterAll } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { pushMigrations } from "../../../scripts/supabase-cli.ts";
import { createTestDatabase } from "../../support/database.ts";
import { asTyped, script } from "../stack/stack.ts";

export const LEAD = "10000000-0000-4000-8000-000000000001";
export const LEAD_2 = "10000000-0000-4000-8000-000000000002";

export interface Ops {
  db: pg.Client;
  databaseUrl: string;
  superuserUrl: string;
  run: (...args: string[]) => Promise<Answer>;
}

export interface Answer {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

export async function openOps(): Promise<Ops & { close: () => Promise<void> }> {
  const { postgresUrl: databaseUrl, superuserUrl } = await createTestDatabase({
    name: "ops",
    build: (database) => pushMigrations(database.postgresUrl),
  });
  const db = new pg.Client({ connectionString: databaseUrl });
  await db.connect();
  return {
    db,
    databaseUrl,
    superuserUrl,
    run: (...args) => runOps(args, { DATABASE_URL: databaseUrl }),
    close: () => db.end(),
  };
}

/** Translated once: some seventy processes would each translate it anew, and wait three times as long. */
export async function runOps(args: string[], env: Record<string, string> = {}): Promise<Answer> {
  built ??= buildOps();
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [await built, ...args],
    asTyped(env),
  );
  return { exitCode, stdout, stderr };
}

/** As `npm run ops` starts it: where it matters in which order modules are loaded, or that they need translation. */
export async function runOpsAsTyped(args: string[], env: Record<string, string>): Promise<Answer> {
  const { exitCode, stdout, stderr } = await script("ops.ts", args, env);
  return { exitCode, stdout, stderr };
}

let built: Promise<string> | undefined;

async function buildOps(): Promise<string> {
  // One below the root, as scripts/ is.
  const outdir = mkdtempSync(join(ROOT, ".built-ops-"));
  folders.push(outdir);
  await build({
    entryPoints: [join(ROOT, "scripts/ops.ts")],
    outdir,
    bundle: true,
    splitting: true,
    packages: "external",
    platform: "node",
    format: "esm",
    outExtension: { ".js": ".mjs" },
  });
  return join(outdir, "ops.mjs");
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Two leads: the receiver refused the first one, the second waits. Returns the first one's delivery. */
export async function oneDeadOneWaiting(db: pg.Client): Promise<number> {
  await db.query(
    "truncate leads, crm_sync.deliveries, crm_sync.delivery_attempts, crm_sync.operations",
  );
  await db.query("insert into leads (id, email) values ($1, 'ada@example.test')", [LEAD]);
  const { rows } = await db.query<{ id: number }>(
    `update crm_sync.deliveries
     set status = 'dead', finished_at = '2026-11-22 03:00Z', claimed_at = '2026-11-22 02:00Z',
         captured_at = '2026-11-22 02:00Z', record = $1, attempt_count = 1, last_outcome = 'reject', last_status = 422,
         last_error_code = 'receiver_status_422', last_error = 'monelec answered 422: no <email>'
     returning delivery_id::int as id`,
    [leadRecord(LEAD, "ada@example.test")],
  );
  const id = rows[0]?.id as number;
  await db.query(
    `insert into crm_sync.delivery_attempts
         (delivery_id, attempt, is_counted, outcome, status, error_code, error, envelope_id, dispatched_at, settled_at)
     values ($1, 1, true, 'reject', 422, 'receiver_status_422', 'monelec answered 422: no <email>',
             '00000000-0000-4000-8000-0000000000e1', '2026-11-22 02:59:59Z', '2026-11-22 03:00Z')`,
    [id],
  );
  await db.query("insert into leads (id, email) values ($1, 'eva@example.test')", [LEAD_2]);
  return id;
}

export function leadRecord(id: string, email: string): object {
  const names = ["phone", "firstname", "lastname", "full_name", "connection_type", "postal_code"];
  const rest = [...names, "source", "utm_source", "utm_medium", "utm_campaign"];
  return { id, email, ...Object.fromEntries(rest.map((name) => [name, null])) };
}
