/**
 * `npm run test:db`: the pgTAP files of tests/db against a throw-away Postgres with the stand-ins and our migrations.
 * Red for a failed assertion, a plan that was not kept, an SQL error, a file or a run that asserts nothing.
 */
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { program } from "commander";
import pg from "pg";
import pc from "picocolors";
import { installPgtap, installPlatform } from "./local/platform.ts";
import { startTemporaryPostgres } from "./local/postgres.ts";
import { type FileReport, runTestFile } from "./pgtap.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

export interface TestDbOptions {
  /** SQL files to install, in this order. */
  sql: string[];
  /** pgTAP files to run, one after another. */
  tests: string[];
  /** Told of each file as it ends. */
  onReport?: (report: FileReport) => void;
}

/** Installs and runs. Throws if an SQL file does not install; everything else is in the reports. */
export async function runDatabaseTests(options: TestDbOptions): Promise<FileReport[]> {
  const server = await startTemporaryPostgres();
  try {
    await installPlatform(server.url);
    await installPgtap(server.url);
    const owner = new URL(server.url);
    owner.username = "postgres";
    for (const file of options.sql) await install(owner.href, file);
    const reports: FileReport[] = [];
    for (const path of options.tests) {
      const report = await runTestFile(owner.href, path, relative(ROOT, path));
      options.onReport?.(report);
      reports.push(report);
    }
    return reports;
  } finally {
    await server.stop();
  }
}

async function install(url: string, file: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(await readFile(file, "utf8"));
  } catch (cause) {
    const { message, where } = cause as pg.DatabaseError;
    throw new Error(
      `${relative(ROOT, file)} does not install: ${message}${where ? ` (${where})` : ""}`,
      {
        cause,
      },
    );
  } finally {
    await client.end();
  }
}

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();
}

function print(report: FileReport): void {
  console.log(
    `${report.ok ? pc.green("ok") : pc.red("not ok")} ${pc.bold(report.file)} ${pc.dim(`${report.durationMs} ms`)}`,
  );
  for (const { name, ok, directive, diagnostics } of report.assertions) {
    console.log(
      `   ${ok ? pc.green("✓") : pc.red("✗")} ${name}${directive ? pc.yellow(` (${directive})`) : ""}`,
    );
    if (!ok) for (const line of diagnostics) console.log(pc.dim(`     ${line}`));
  }
  for (const problem of report.problems) console.log(`   ${pc.red("✗")} ${problem}`);
}

/** Prints the counts; true if the run is green. */
export function conclude(reports: FileReport[]): boolean {
  const assertions = reports.flatMap((report) => report.assertions);
  const failed = assertions.filter((assertion) => !assertion.ok).length;
  const red = reports.filter((report) => !report.ok).length;
  const counts = `${assertions.length} assertions in ${reports.length} files`;
  if (assertions.length > 0 && red === 0) {
    console.log(pc.green(`\n${counts}, all passed`));
    return true;
  }
  console.log(pc.red(`\n${counts}; ${failed} failed, ${red} files red`));
  return false;
}

async function main(words: string[], { sql }: { sql?: string[] }): Promise<void> {
  const tests = filesBelow(join(ROOT, "tests", "db"), ".test.sql").filter(
    (file) => words.length === 0 || words.some((word) => relative(ROOT, file).includes(word)),
  );
  const reports = await runDatabaseTests({
    sql:
      sql?.map((file) => resolve(file)) ?? filesBelow(join(ROOT, "supabase", "migrations"), ".sql"),
    tests,
    onReport: print,
  });
  process.exitCode = conclude(reports) ? 0 : 1;
}

if (import.meta.url === `file://${process.argv[1]}`) {
  program
    .description("Runs the pgTAP tests of tests/db on a throw-away Postgres.")
    .argument("[words...]", "run only files whose path holds one of these words")
    .option("--sql <files...>", "install these instead of supabase/migrations")
    .action(main);
  await program.parseAsync().catch((error: Error) => {
    console.error(pc.red(error.message));
    process.exitCode = 1;
  });
}
