/** Brings a database to the newest migrations, by the Supabase CLI, as a hosted project would be. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { MIGRATIONS, readMigrations, sha256Of } from "../migrations/releases.ts";
import { ROOT } from "../sql-files.ts";
import { pushMigrations } from "../supabase-cli.ts";

const SUPABASE = join(ROOT, "supabase");
/** How a migration that is made of the sample tables begins. */
const SAMPLE = /^-- Generated from sql\/app\//;

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
  const takesSamples = (await isPublicEmpty(client)) || applied.some(isSample);
  const folder = mkdtempSync(join(tmpdir(), "crm-sync-migrations-"));
  try {
    const migrations = join(folder, "supabase", "migrations");
    mkdirSync(migrations, { recursive: true });
    cpSync(join(SUPABASE, "config.toml"), join(folder, "supabase", "config.toml"));
    for (const file of migrationFiles()) {
      if (takesSamples || !isSample(versionOf(file)))
        cpSync(join(MIGRATIONS, file), join(migrations, file));
    }
    // The CLI wants a file for each version that the server knows; it reads none of them again.
    const ours = new Set(migrationFiles().map(versionOf));
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

function migrationFiles(): string[] {
  return [...readMigrations().keys()];
}

function versionOf(file: string): string {
  return file.split("_")[0] ?? file;
}

function isSample(version: string): boolean {
  const file = migrationFiles().find((name) => versionOf(name) === version);
  return file !== undefined && SAMPLE.test(readFileSync(join(MIGRATIONS, file), "utf8"));
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
