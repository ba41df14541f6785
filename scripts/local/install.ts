/** Brings a database to the newest migrations, by the Supabase CLI, as a hosted project would be. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { isSample, MIGRATIONS, readMigrations, sha256Of } from "../migrations/releases.ts";
import { ROOT } from "../sql-files.ts";
import { pushMigrations } from "../supabase-cli.ts";

const SUPABASE = join(ROOT, "supabase");

/** Hashes of the migrations of this repository, by file name. */
export function migrationHashes(): Record<string, string> {
  return Object.fromEntries([...readMigrations()].map(([file, text]) => [file, sha256Of(text)]));
}

/** Names the applied migrations whose text is another one now; applied once, they are not applied again. */
export function changedSince(applied: Record<string, string>): string[] {
  const now = migrationHashes();
  return Object.keys(applied).filter(
    (file) => now[file] !== undefined && now[file] !== applied[file],
  );
}

/**
 * Applies what a server of somebody's own lacks. Its own migrations are left alone, and the sample tables are
 * installed only where `public` holds no table. Returns what a person should be told.
 */
export async function installInto(url: string, client: pg.ClientBase): Promise<string[]> {
  const applied = await appliedVersions(client);
  const files = [...readMigrations().keys()];
  const samples = new Set(files.filter(isSample).map(versionOf));
  const takesSamples =
    (await isPublicEmpty(client)) || applied.some((version) => samples.has(version));
  const folder = mkdtempSync(join(tmpdir(), "crm-sync-migrations-"));
  try {
    const migrations = join(folder, "supabase", "migrations");
    mkdirSync(migrations, { recursive: true });
    cpSync(join(SUPABASE, "config.toml"), join(folder, "supabase", "config.toml"));
    for (const file of files.filter((name) => takesSamples || !isSample(name))) {
      cpSync(join(MIGRATIONS, file), join(migrations, file));
    }
    // The CLI wants a file for each version that the server knows; it reads none of them again.
    const ours = new Set(files.map(versionOf));
    for (const version of applied.filter((version) => !ours.has(version))) {
      writeFileSync(join(migrations, `${version}_applied_elsewhere.sql`), "");
    }
    await pushMigrations(url, { workdir: folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
  return takesSamples
    ? []
    : [
        "this database has tables of its own: the sample tables are not installed, write your own attach() calls",
      ];
}

function versionOf(file: string): string {
  return file.split("_")[0] ?? file;
}

async function appliedVersions(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ known: boolean }>(
    "select to_regclass('supabase_migrations.schema_migrations') is not null as known",
  );
  if (!rows[0]?.known) return [];
  const { rows: versions } = await client.query<{ version: string }>(
    "select version from supabase_migrations.schema_migrations order by version",
  );
  return versions.map(({ version }) => version);
}

async function isPublicEmpty(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query(
    `select from pg_catalog.pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') limit 1`,
  );
  return rows.length === 0;
}
