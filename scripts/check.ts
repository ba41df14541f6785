/**
 * `npm run check`: everything that can be said about the repository without running its tests.
 * Each step reports a line; the run fails at the end if any of them failed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "commander";
import { execa } from "execa";
import pc from "picocolors";
import { denoBinary } from "./local/function-server.ts";
import { completeLockfile } from "./lockfile.ts";
import { migrationsDiff, staleMigrations } from "./migrations.ts";
import { findSecretsInHistory, findSecretsInTree } from "./secrets.ts";
import { ROOT } from "./sql-files.ts";
import { pushMigrations, remote, supabase } from "./supabase-cli.ts";
import { startThrowawayServer, type ThrowawayServer } from "./throwaway.ts";
import { generateTypes, typesAreStale } from "./types.ts";

const LINES_SHOWN = 25;

/** What a step found: nothing, a reason why it could not look, or what is wrong. */
type Finding = { skipped: string } | { wrong: string } | null;

interface Step {
  name: string;
  run(): Promise<Finding>;
}

function steps(server: ThrowawayServer): Step[] {
  let migrated: Promise<string> | undefined;
  /** One database with the migrations, as `supabase db push` leaves it, for all who read it. */
  const migratedUrl = () => {
    migrated ??= server.createDatabase("migrated").then(async ({ url }) => {
      await pushMigrations(url);
      return url;
    });
    return migrated;
  };
  const onMigrated = (look: (url: string) => Promise<Finding>): Promise<Finding> =>
    migratedUrl().then(look, () => ({ skipped: "the migrations could not be pushed" }));
  return [
    { name: "format and lint (biome)", run: () => command("biome", ["check", "."]) },
    { name: "types of scripts and tests (tsc)", run: () => command("tsc", ["--noEmit"]) },
    { name: "types of the function (deno)", run: checkFunction },
    { name: "lockfile holds every platform", run: checkLockfile },
    { name: "no secret in the tree", run: async () => wrong(await findSecretsInTree(ROOT)) },
    {
      name: "no secret in the history",
      run: async () => wrong(await findSecretsInHistory(ROOT)),
    },
    { name: "no known vulnerability (npm audit)", run: audit },
    { name: "migrations are generated", run: async () => wrong(staleMigrations()) },
    {
      name: "migrations build what sql/ builds",
      run: async () => wrong(await migrationsDiff(server)),
    },
    { name: "supabase db push", run: () => migratedUrl().then(() => null) },
    { name: "generated types are fresh", run: () => onMigrated(checkTypes) },
    { name: "supabase db advisors", run: () => onMigrated(adviseOn) },
    {
      name: "supabase db lint",
      run: () => (process.env.DATABASE_URL ? lint(process.env.DATABASE_URL) : onMigrated(lint)),
    },
  ];
}

async function command(
  file: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Finding> {
  const result = await execa(file, args, {
    cwd: ROOT,
    preferLocal: true,
    reject: false,
    all: true,
    ...options,
  });
  return result.exitCode === 0 ? null : { wrong: result.all || result.message || file };
}

/** From node_modules alone: a proxy that is not there would show a look at the network. */
function checkFunction(): Promise<Finding> {
  return command(
    denoBinary(),
    ["check", "--quiet", "--no-lock", "--node-modules-dir=manual", "index.ts"],
    {
      cwd: join(ROOT, "supabase/functions/crm-sync"),
      env: {
        DENO_DIR: join(ROOT, ".crm-sync/deno"),
        DENO_NO_UPDATE_CHECK: "1",
        HTTPS_PROXY: "http://127.0.0.1:9",
        NO_COLOR: "1",
      },
    },
  );
}

async function checkLockfile(): Promise<Finding> {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  return wrong(completeLockfile(lock.packages).map((name) => `${name} is missing`));
}

/** Asks the registry that npm is set to; some mirrors have no answer. */
async function audit(): Promise<Finding> {
  const { exitCode, stdout } = await execa("npm", ["audit", "--json"], {
    cwd: ROOT,
    reject: false,
    stdin: "ignore",
  });
  const report = JSON.parse(stdout || "{}") as {
    vulnerabilities?: Record<string, { severity: string; via: (string | { title: string })[] }>;
  };
  if (!report.vulnerabilities) return { skipped: "the registry has no answer to npm audit" };
  if (exitCode === 0) return null;
  return wrong(
    Object.entries(report.vulnerabilities).map(([name, { severity, via }]) => {
      const reasons = via.map((one) => (typeof one === "string" ? `by ${one}` : one.title));
      return `${name}: ${severity}, ${reasons.join("; ")}`;
    }),
  );
}

async function checkTypes(url: string): Promise<Finding> {
  const stale = typesAreStale(await generateTypes(url));
  return wrong(
    stale ? ["database.types.ts is not what the migrations want; run npm run types"] : [],
  );
}

/** At every level; a database that was made a second ago has used no index yet, and what stands in for Vault is none of ours. */
async function adviseOn(url: string): Promise<Finding> {
  const { exitCode, stdout, stderr } = await supabase([
    ...["db", "advisors", "--type", "all", "--level", "info", "--output-format", "json"],
    remote(url),
  ]);
  if (exitCode !== 0) return { wrong: `${stdout}\n${stderr}` };
  const { results } = JSON.parse(stdout) as {
    results: { name: string; level: string; detail: string; metadata: { schema: string } }[];
  };
  return wrong(
    results
      .filter(({ name, metadata }) => name !== "unused_index" && metadata.schema !== "stand_in")
      .map(({ level, name, detail }) => `${level} ${name}: ${detail}`),
  );
}

async function lint(url: string): Promise<Finding> {
  const { exitCode, stdout, stderr } = await supabase([
    ...["db", "lint", "--schema", "crm_sync,public", "--level", "warning", "--fail-on", "warning"],
    remote(url),
  ]);
  if (/extension "plpgsql_check" is not available/.test(stderr)) {
    return {
      skipped: "npm's Postgres has no plpgsql_check; set DATABASE_URL to a server that has",
    };
  }
  return exitCode === 0 ? null : { wrong: `${stdout}\n${stderr}` };
}

function wrong(lines: string[]): Finding {
  return lines.length > 0 ? { wrong: lines.join("\n") } : null;
}

async function report({ name, run }: Step): Promise<boolean> {
  const started = performance.now();
  const found = await run().catch((error: unknown) => ({
    wrong: error instanceof Error ? error.message : String(error),
  }));
  const time = `${((performance.now() - started) / 1000).toFixed(1)} s`.padStart(7);
  const verdict =
    found === null ? pc.green("ok  ") : "skipped" in found ? pc.yellow("skip") : pc.red("FAIL");
  const note = found !== null && "skipped" in found ? pc.dim(`  ${found.skipped}`) : "";
  console.log(`${verdict} ${time}  ${name}${note}`);
  if (found === null || "skipped" in found) return true;
  console.log(excerpt(found.wrong).replace(/^/gm, "    "));
  return false;
}

function excerpt(text: string): string {
  const lines = text.trim().split("\n");
  const more = lines.length - LINES_SHOWN;
  return more > 0
    ? [...lines.slice(0, LINES_SHOWN), `… ${more} more`].join("\n")
    : lines.join("\n");
}

program
  .name("npm run check")
  .description(
    "Everything that can be said about the repository without running its tests, on a server of its own. Ends with 1 when anything is wrong.\n" +
      "With DATABASE_URL: supabase db lint looks at that database.",
  )
  .parse();

const server = await startThrowawayServer();
try {
  let failed = 0;
  for (const step of steps(server)) if (!(await report(step))) failed += 1;
  console.log(failed === 0 ? "all well" : `${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await server.stop();
}
