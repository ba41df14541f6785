/**
 * `npm run migrations` writes supabase/migrations from sql/.
 * `npm run migrations -- --check` proves that the two are equal: by text, and by what two databases say
 * of themselves, one built from sql/ file by file, one by `supabase db push`.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "commander";
import type pg from "pg";
import { diffCatalogs, readCatalog } from "./catalog.ts";
import { type Part, ROOT, sqlFiles } from "./sql-files.ts";
import { pushMigrations } from "./supabase-cli.ts";
import { type ThrowawayServer, withThrowawayServer } from "./throwaway.ts";
import { withClient } from "./with-client.ts";

/** The timestamps stand still until the first release; from then on a migration is only ever added. */
const MIGRATIONS: { file: string; part: Part }[] = [
  { file: "20261122000001_crm_sync.sql", part: "crm_sync" },
  { file: "20261122000002_sample_tables.sql", part: "app" },
];

const FOLDER = join(ROOT, "supabase", "migrations");

/** The migrations as sql/ now wants them, by file name. */
export function generateMigrations(): Map<string, string> {
  return new Map(MIGRATIONS.map(({ file, part }) => [file, generate(part)]));
}

export function writeMigrations(): void {
  const wanted = generateMigrations();
  for (const file of committedMigrations().keys()) {
    if (!wanted.has(file)) rmSync(join(FOLDER, file));
  }
  for (const [file, text] of wanted) writeFileSync(join(FOLDER, file), text);
}

/** Names the files whose text is not what sql/ wants; empty when all is well. */
export function staleMigrations(): string[] {
  const [wanted, committed] = [generateMigrations(), committedMigrations()];
  const names = new Set([...wanted.keys(), ...committed.keys()]);
  return [...names].filter((file) => wanted.get(file) !== committed.get(file)).sort();
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

function generate(part: Part): string {
  const files = sqlFiles(part);
  const header = `-- Generated from sql/${part}/ by npm run migrations. Change the source, not this file.\n`;
  const texts = files.map(
    (file) => `\n-- ${file}\n\n${readFileSync(join(ROOT, file), "utf8").trim()}\n`,
  );
  return header + texts.join("");
}

function committedMigrations(): Map<string, string> {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".sql"));
  return new Map(files.map((file) => [file, readFileSync(join(FOLDER, file), "utf8")]));
}

async function catalogOf(url: string): Promise<string[]> {
  return withClient(url, (client) => readCatalog(client, ["crm_sync", "public"]));
}

async function main(): Promise<void> {
  const { check } = program
    .option("--check", "change nothing, fail when they differ")
    .parse()
    .opts();
  if (!check) {
    writeMigrations();
    console.log(`wrote ${[...generateMigrations().keys()].join(", ")}`);
    return;
  }
  const stale = staleMigrations();
  if (stale.length > 0) {
    console.error(`not what sql/ wants: ${stale.join(", ")}; run npm run migrations`);
    process.exitCode = 1;
    return;
  }
  const differences = await withThrowawayServer(migrationsDiff);
  if (differences.length > 0) {
    console.error("- built from sql/, + built by supabase db push");
    console.error(differences.join("\n"));
    process.exitCode = 1;
    return;
  }
  console.log("sql/ and supabase/migrations build the same database");
}

if (import.meta.url === `file://${process.argv[1]}`) {
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
