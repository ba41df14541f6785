/**
 * `npm run types` writes the types of schema public, as `supabase gen types` makes them from the migrations.
 * `npm run types -- --check` fails when the committed ones are not these.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "commander";
import { execa } from "execa";
import { ROOT } from "./sql-files.ts";
import { pushMigrations, remote, supabase } from "./supabase-cli.ts";
import { withThrowawayServer } from "./throwaway.ts";

const FILE = "supabase/functions/crm-sync/database.types.ts";
const HEADER = "// Generated from supabase/migrations by npm run types.\n\n";

/** The types of a database that holds the migrations; throws with the CLI's output. */
export async function generateTypes(url: string): Promise<string> {
  const { exitCode, stdout, stderr } = await supabase([
    ...["gen", "types", "--lang", "typescript", "--schema", "public"],
    remote(url),
  ]);
  if (exitCode !== 0) throw new Error(`supabase gen types failed:\n${stderr}`);
  const formatted = await execa("biome", ["format", "--stdin-file-path=generated.ts"], {
    cwd: ROOT,
    preferLocal: true,
    input: stdout,
  });
  return `${HEADER}${formatted.stdout.trim()}\n`;
}

/** Whether the committed types are other ones. */
export function typesAreStale(wanted: string): boolean {
  const file = join(ROOT, FILE);
  return !existsSync(file) || readFileSync(file, "utf8") !== wanted;
}

async function main(): Promise<void> {
  const { check } = program
    .option("--check", "change nothing, fail when they are stale")
    .parse()
    .opts();
  const wanted = await withThrowawayServer(async (server) => {
    const { url } = await server.createDatabase("types");
    await pushMigrations(url);
    return generateTypes(url);
  });
  if (!check) {
    writeFileSync(join(ROOT, FILE), wanted);
    console.log(`wrote ${FILE}`);
  } else if (typesAreStale(wanted)) {
    console.error(`${FILE} is not what the migrations want; run npm run types`);
    process.exitCode = 1;
  } else {
    console.log(`${FILE} is what the migrations want`);
  }
}

if (import.meta.url === `file://${process.argv[1]}`) {
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
