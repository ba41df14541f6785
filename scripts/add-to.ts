/**
 * `npm run add-to -- <folder>`: copies the migrations, the function and its entries of config.toml into a Supabase project.
 * Migrations are stamped anew, after the newest of that project. A second run brings what is new, also in files of the function;
 * what that project has changed in a copy is never written over. Touches files alone, no database. Exit code 0: done; 1: refused; 2: wrong usage.
 */
import "./terminal/plain-when-piped.ts";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { program } from "commander";
import pc from "picocolors";
import { isSample, nameOf, readMigrations, readReleases, sha256Of } from "./migrations/releases.ts";
import { OpsError, runProgram } from "./ops/errors.ts";
import { ROOT } from "./sql-files.ts";

const OURS = join(ROOT, "supabase");
const FUNCTION = join("functions", "crm-sync");

const SECTIONS = [
  { name: "db.vault", holds: "crm_sync_signing_secret" },
  { name: "functions.crm-sync", holds: "crm-sync/index.ts" },
];

/** Of what was copied, so that a later run can tell what they have changed from what we have. */
const COPIED = "crm-sync.copied.json";

const LEFT_TO_DO = `
Left to do:
1. npm run preflight -- <database url>; keep the attach() calls that it proposes as a migration of yours, after these.
2. Enable pg_net and pg_cron (Database → Extensions).
3. npx supabase login; npx supabase link --project-ref <project>
4. npx supabase secrets set CRM_SYNC_SIGNING_SECRET=whsec_… MONELEC_API_KEY=… ELEMENTOR_WEBHOOK_URL=… SITE_URL=https://…
5. npx supabase functions deploy crm-sync
6. CRM_SYNC_SIGNING_SECRET=whsec_… CRM_SYNC_FUNCTION_URL=https://<project>.supabase.co/functions/v1/crm-sync npx supabase db push --remote
7. docs/existing-application.md, if the application calls the CRM itself; then select crm_sync.start();`;

const LEFT_OF_UPDATE = `
Left to do of this update:
1. npx supabase db push --remote --skip-vault
2. npx supabase functions deploy crm-sync
CHANGELOG.md says what is new.`;

const NOTHING_NEW = `Everything is there already. What follows a copy: README, "On hosted Supabase".`;

program
  .name("npm run add-to --")
  .description(
    "Copies crm-sync into a Supabase project: migrations, stamped after its newest, the Edge Function, entries of config.toml.\n" +
      "Run it again after an update: only what is new is copied. Touches no database.",
  )
  .argument("<folder>", "the project: the folder that holds supabase/")
  .option("--next", "what has not been released yet, too: it changes under the same name")
  .exitOverride()
  .action(addTo);

await runProgram(program);

function addTo(folder: string, options: { next?: true }): void {
  const theirs = join(folder, "supabase");
  if (!existsSync(theirs)) {
    throw new OpsError(`${folder} holds no supabase/`, "supabase init makes one.");
  }
  const wasThere = existsSync(join(theirs, FUNCTION));
  const written = [
    ...addMigrations(theirs, options.next ?? false),
    ...addFunction(theirs),
    ...addConfig(theirs),
  ];
  for (const file of written) console.log(`${pc.green("new")}  supabase/${file}`);
  if (written.length === 0) console.log(NOTHING_NEW);
  else console.log(wasThere ? LEFT_OF_UPDATE : LEFT_TO_DO);
}

/** By the name behind the stamp a migration is known again. */
function addMigrations(theirs: string, next: boolean): string[] {
  const folder = join(theirs, "migrations");
  const there = existsSync(folder)
    ? readdirSync(folder).filter((file) => file.endsWith(".sql"))
    : [];
  const released = new Set(readReleases().flatMap(({ migrations }) => Object.keys(migrations)));
  const ours = [...readMigrations().keys()].filter(
    (file) => !isSample(file) && (next || released.has(file)),
  );
  let newest = there.map(stampOf).sort().at(-1) ?? "";
  return ours.flatMap((file) => {
    const text = readText(join(OURS, "migrations", file));
    const copy = there.find((one) => nameOf(one) === nameOf(file));
    if (copy) {
      requireSame(join(folder, copy), text);
      return [];
    }
    newest = stampAfter(newest);
    const added = `${newest}_${nameOf(file)}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, added), text);
    return [`migrations/${added}`];
  });
}

function requireSame(copy: string, text: string): void {
  const there = readText(copy);
  if (there === text) return;
  if (!there.startsWith(text.split("\n")[0] ?? "")) {
    throw new OpsError(
      `${copy} has the name of a migration of crm-sync, and is none`,
      "Give it another name behind its stamp, if it has not run anywhere yet.",
    );
  }
  throw new OpsError(
    `${copy} is not what crm-sync has under this name`,
    "A migration that has run is never changed: put its text back, and changes of yours into a migration of your own.",
  );
}

/** What they have left as it was copied is replaced by what is new; what they have changed is kept. */
function addFunction(theirs: string): string[] {
  const [from, to] = [join(OURS, FUNCTION), join(theirs, FUNCTION)];
  const list = join(to, COPIED);
  const copied = existsSync(list) ? (JSON.parse(readText(list)) as Record<string, string>) : {};
  const files = readdirSync(from, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(from, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
  const written = files.flatMap((file) => {
    const [ours, copy] = [readText(join(from, file)), join(to, file)];
    const there = existsSync(copy) ? readText(copy) : null;
    if (there === ours) {
      copied[file] = hashOf(ours);
      return [];
    }
    if (there !== null && hashOf(there) !== copied[file]) {
      console.log(
        `${pc.yellow("kept")} supabase/functions/crm-sync/${file}, which differs from crm-sync's`,
      );
      return [];
    }
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, ours);
    copied[file] = hashOf(ours);
    return [`functions/crm-sync/${file}`];
  });
  writeFileSync(list, `${JSON.stringify(copied, null, 1)}\n`);
  return written;
}

function hashOf(text: string): string {
  return sha256Of(text).slice(0, 16);
}

/** Line ends as git has them on any system. */
function readText(path: string): string {
  return readFileSync(path, "utf8").replaceAll("\r\n", "\n");
}

/** A section that is there is theirs; one that is not can always stand at the end. */
function addConfig(theirs: string): string[] {
  const file = join(theirs, "config.toml");
  const config = existsSync(file) ? readText(file) : "";
  const sections = readText(join(OURS, "config.toml")).split("\n\n");
  const missing = SECTIONS.flatMap(({ holds, name }) => {
    if (!defines(config, name)) return sections.filter((section) => defines(section, name));
    if (!config.includes(holds)) {
      console.log(
        `${pc.yellow("kept")} [${name}] in supabase/config.toml: add what crm-sync's has`,
      );
    }
    return [];
  });
  if (missing.length === 0) return [];
  const text = [config.trimEnd(), ...missing.map((section) => section.trim())].filter(Boolean);
  writeFileSync(file, `${text.join("\n\n")}\n`.replaceAll("\n", lineEndOf(file)));
  return ["config.toml"];
}

/**
 * In whichever way TOML lets it be written: by a header, or by keys of a table above it, as `vault.key` in [db], after which a
 * header of its own is an error. Not in a comment, where the CLI's own template has one.
 */
function defines(config: string, table: string): boolean {
  const plain = (name: string) => name.replace(/[\s"']/g, "");
  let current = "";
  return config.split("\n").some((line) => {
    const header = /^\s*\[{1,2}([^[\]]+)\]{1,2}\s*(#.*)?$/.exec(line)?.[1];
    if (header !== undefined) {
      current = plain(header);
      return current === table;
    }
    const key = /^\s*([\w"'.\s-]+?)\s*=/.exec(line)?.[1];
    return (
      key !== undefined && `${current}.${plain(key)}.`.replace(/^\./, "").startsWith(`${table}.`)
    );
  });
}

function lineEndOf(file: string): string {
  return existsSync(file) && readFileSync(file, "utf8").includes("\r\n") ? "\r\n" : "\n";
}

function stampOf(file: string): string {
  return /^\d+/.exec(file)?.[0] ?? "";
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
