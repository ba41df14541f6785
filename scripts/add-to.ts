/**
 * `npm run add-to -- <folder>`: copies the migrations, the function and its entries of config.toml into a Supabase project.
 * Migrations are stamped anew, after the newest of that project. A second run copies only what is new; what that project has
 * changed in a copy is never written over. Touches files alone, no database. Exit code 0: done; 1: refused; 2: wrong usage.
 */
import "./terminal/plain-when-piped.ts";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "commander";
import pc from "picocolors";
import { describe, exitCodeOf, OpsError } from "./ops/errors.ts";
import { ROOT } from "./sql-files.ts";

const OURS = join(ROOT, "supabase");
const FUNCTION = join("functions", "crm-sync");
/** Whoever has tables of their own leaves it out. */
const SAMPLE = "sample_tables.sql";

const LEFT_TO_DO = `
Left to do:
1. npm run preflight -- <database url>; keep the attach() calls that it proposes as a migration of yours, after these.
2. supabase secrets set CRM_SYNC_SIGNING_SECRET=whsec_… MONELEC_API_KEY=… ELEMENTOR_WEBHOOK_URL=… SITE_URL=https://…
3. supabase functions deploy crm-sync
4. CRM_SYNC_SIGNING_SECRET=whsec_… CRM_SYNC_FUNCTION_URL=https://<project>.supabase.co/functions/v1/crm-sync supabase db push
5. docs/existing-application.md, if the application calls the CRM itself; then select crm_sync.start();`;

program
  .name("npm run add-to --")
  .description(
    "Copies crm-sync into a Supabase project: migrations, stamped after its newest, the Edge Function, entries of config.toml.\n" +
      "Run it again after an update: only what is new is copied. Touches no database.",
  )
  .argument("<folder>", "the project: the folder that holds supabase/")
  .exitOverride()
  .action(addTo);

await program.parseAsync().catch((error: unknown) => {
  const text = describe(error);
  if (text !== null) console.error(pc.red(text));
  process.exitCode = exitCodeOf(error);
});

function addTo(folder: string): void {
  const theirs = join(folder, "supabase");
  if (!existsSync(theirs)) {
    throw new OpsError(`${folder} holds no supabase/`, "supabase init makes one.");
  }
  const written = [...addMigrations(theirs), ...addFunction(theirs), ...addConfig(theirs)];
  for (const file of written) console.log(`${pc.green("new")}  supabase/${file}`);
  if (written.length === 0) console.log("Everything is there already.");
  console.log(LEFT_TO_DO);
}

/** By the name behind the stamp a migration is known again. */
function addMigrations(theirs: string): string[] {
  const folder = join(theirs, "migrations");
  const there = existsSync(folder)
    ? readdirSync(folder).filter((file) => file.endsWith(".sql"))
    : [];
  const ours = readdirSync(join(OURS, "migrations"))
    .filter((file) => !file.endsWith(SAMPLE))
    .sort();
  let newest = there.map(stampOf).sort().at(-1) ?? "";
  return ours.flatMap((file) => {
    const text = readFileSync(join(OURS, "migrations", file), "utf8");
    const copy = there.find((one) => nameOf(one) === nameOf(file));
    if (copy) {
      requireSame(join(folder, copy), text);
      return [];
    }
    newest = stampAfter(newest);
    const added = `${newest}_${nameOf(file)}`;
    cpSync(join(OURS, "migrations", file), join(folder, added));
    return [join("migrations", added)];
  });
}

function requireSame(copy: string, text: string): void {
  if (readFileSync(copy, "utf8") === text) return;
  throw new OpsError(
    `${copy} is not what crm-sync has under this name`,
    "A migration that has run is never changed: put its text back, and changes of yours into a migration of your own.",
  );
}

function addFunction(theirs: string): string[] {
  const [from, to] = [join(OURS, FUNCTION), join(theirs, FUNCTION)];
  const files = readdirSync(from, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(from.length + 1));
  return files.flatMap((file) => {
    const [ours, copy] = [join(from, file), join(to, file)];
    if (existsSync(copy)) {
      if (readFileSync(copy, "utf8") !== readFileSync(ours, "utf8")) {
        console.log(
          `${pc.yellow("kept")} supabase/${join(FUNCTION, file)}, which differs from crm-sync's`,
        );
      }
      return [];
    }
    cpSync(ours, copy);
    return [join(FUNCTION, file)];
  });
}

/** A section that is there is theirs; one that is not can always stand at the end. */
function addConfig(theirs: string): string[] {
  const file = join(theirs, "config.toml");
  const config = existsSync(file) ? readFileSync(file, "utf8") : "";
  const sections = readFileSync(join(OURS, "config.toml"), "utf8").split("\n\n");
  const missing = ["db.vault", "functions.crm-sync"].flatMap((name) => {
    if (config.includes(`[${name}]`)) {
      if (!config.includes(name === "db.vault" ? "crm_sync_signing_secret" : "crm-sync/index.ts")) {
        console.log(
          `${pc.yellow("kept")} [${name}] in supabase/config.toml: add what crm-sync's has`,
        );
      }
      return [];
    }
    return sections.filter((section) => section.includes(`[${name}]`));
  });
  if (missing.length === 0) return [];
  writeFileSync(
    file,
    [config.trimEnd(), ...missing.map((section) => section.trim())]
      .filter(Boolean)
      .join("\n\n")
      .concat("\n"),
  );
  return ["config.toml"];
}

function stampOf(file: string): string {
  return /^\d+/.exec(file)?.[0] ?? "";
}

function nameOf(file: string): string {
  return file.replace(/^\d+_/, "");
}

/** A second after the newest, at least now; in UTC, as the CLI stamps. */
function stampAfter(newest: string): string {
  const now = new Date();
  const last = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(newest);
  const next = last
    ? Date.parse(`${last[1]}-${last[2]}-${last[3]}T${last[4]}:${last[5]}:${last[6]}Z`) + 1_000
    : 0;
  return new Date(Math.max(now.getTime(), next)).toISOString().replace(/\D/g, "").slice(0, 14);
}
