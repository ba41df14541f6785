/**
 * `npm run migrations` writes what supabase/migrations lacks of sql/: a released migration stands still, the one of the version to come
 * is written anew each time.
 * `-- --check` proves that both are equal: by text, and by what two databases say of themselves, one built from sql/ file by file,
 * one by `supabase db push`. `-- --release` makes the version to come a released one. `-- --one-file` prints all that is released as one SQL statement.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "commander";
import type pg from "pg";
import { diffCatalogs, readCatalog } from "./catalog.ts";
import { generateMigrations } from "./migrations/generate.ts";
import { oneFile } from "./migrations/one-file.ts";
import {
  changedReleases,
  currentVersion,
  MIGRATIONS,
  RELEASES,
  type Release,
  readMigrations,
  readReleases,
  sha256Of,
} from "./migrations/releases.ts";
import { type Part, ROOT, sqlFiles } from "./sql-files.ts";
import { pushMigrations } from "./supabase-cli.ts";
import { type ThrowawayServer, withThrowawayServer } from "./throwaway.ts";
import { withClient } from "./with-client.ts";

/** Says what is wrong with the text of the migrations; empty when all is well. */
export function staleMigrations(): string[] {
  const { migrations: wanted, byHand } = generateMigrations();
  const committed = readMigrations();
  const names = [...new Set([...wanted.keys(), ...committed.keys()])].sort();
  return [
    ...changedReleases(),
    ...names
      .filter((file) => wanted.get(file) !== committed.get(file))
      .map((file) => `${file} is not what sql/ wants; run npm run migrations`),
    ...byHand.map((statement) => `sql/upgrades has to say what becomes of ${statement}`),
  ];
}

/** Builds one database from each and compares them; empty when they are equal. */
export async function migrationsDiff(server: ThrowawayServer): Promise<string[]> {
  const fromSource = await server.createDatabase("from_source");
  const fromMigrations = await server.createDatabase("from_migrations");
  await installFromSource(fromSource.url);
  await pushMigrations(fromMigrations.url);
  const [first, second] = await Promise.all(
    [fromSource, fromMigrations].map(({ superuserUrl }) => catalogOf(superuserUrl)),
  );
  return diffCatalogs(first ?? [], second ?? []);
}

/**
 * Runs every file of sql/ by itself, as `postgres` on an empty platform.
 * Throws an error that names the file and line.
 */
export async function installFromSource(
  url: string,
  parts: Part[] = ["crm_sync", "app"],
): Promise<void> {
  await withClient(url, async (client) => {
    for (const file of parts.flatMap(sqlFiles)) {
      const text = readFileSync(join(ROOT, file), "utf8");
      await client.query(text).catch((cause: pg.DatabaseError) => {
        const line = text.slice(0, Number(cause.position ?? 0)).split("\n").length;
        throw new Error(`${file}:${line}: ${cause.message}`, { cause });
      });
    }
  });
}

/** The releases, and the version to come if it has migrations. */
export function releasesWithNext(): Release[] {
  const [releases, migrations] = [readReleases(), readMigrations()];
  const released = new Set(releases.flatMap((release) => Object.keys(release.migrations)));
  const next = [...migrations].filter(([file]) => !released.has(file));
  if (next.length === 0) return releases;
  const hashes = next.map(([file, text]) => [file, { sha256: sha256Of(text) }] as const);
  return [...releases, { version: currentVersion(), migrations: Object.fromEntries(hashes) }];
}

async function catalogOf(url: string): Promise<string[]> {
  return withClient(url, (client) => readCatalog(client, ["crm_sync", "public"]));
}

/** Of a version to come; whatever else lies there is somebody's. */
const PENDING = /^\d+_(crm_sync|sample_tables)_\d+_\d+_\d+\.sql$/;

function write(): void {
  const damaged = changedReleases();
  if (damaged.length > 0) throw new Error(damaged.join("\n"));
  const { migrations, byHand } = generateMigrations();
  const before = readMigrations();
  const changed = [...migrations].filter(([file, text]) => before.get(file) !== text);
  for (const file of before.keys()) {
    if (migrations.has(file) || !PENDING.test(file)) continue;
    rmSync(join(MIGRATIONS, file));
    console.log(`deleted ${file}, of a version that is not to come`);
  }
  for (const [file, text] of changed) writeFileSync(join(MIGRATIONS, file), text);
  console.log(
    changed.length > 0
      ? `wrote ${changed.map(([file]) => file).join(", ")}`
      : "the migrations are what sql/ wants",
  );
  for (const statement of byHand) {
    console.log(`sql/upgrades has to say what becomes of ${statement}`);
  }
}

async function check(): Promise<void> {
  const stale = staleMigrations();
  if (stale.length > 0) throw new Error(stale.join("\n"));
  const differences = await withThrowawayServer(migrationsDiff);
  if (differences.length > 0) {
    const head = "- built from sql/, + built by supabase db push";
    throw new Error([head, ...differences].join("\n"));
  }
  console.log("sql/ and supabase/migrations build the same database");
}

function release(): void {
  const stale = staleMigrations();
  if (stale.length > 0) throw new Error(stale.join("\n"));
  writeFileSync(RELEASES, `${JSON.stringify(releasesWithNext(), null, 2)}\n`);
  console.log(`${currentVersion()} is released; next: npm run freeze`);
}

async function main(): Promise<void> {
  const options = program
    .option("--check", "change nothing, fail when they differ")
    .option("--release", "from now on the newest migration stands still")
    .option("--one-file", "print one SQL statement that installs or upgrades")
    .option("--next", "with --one-file: the version to come, too")
    .parse()
    .opts<{ check?: true; release?: true; oneFile?: true; next?: true }>();
  if (options.check) await check();
  else if (options.release) release();
  else if (options.oneFile) {
    const releases = options.next ? releasesWithNext() : readReleases();
    console.log(oneFile(releases, readMigrations()));
  } else write();
}

if (import.meta.url === `file://${process.argv[1]}`) {
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
