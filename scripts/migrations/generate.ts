/**
 * supabase/migrations as sql/ wants them: what has been released, as it was; then, where sql/ has changed since, a migration for
 * each part that brings the newest release to it. That one is made of sql/upgrades/<version>.sql, where a person says what becomes of
 * objects that hold data or are gone, and of every function, view, comment and grant that has changed. `npm run check` compares what both build.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Part, ROOT, sqlFiles } from "../sql-files.ts";
import {
  currentVersion,
  nameOf,
  type Release,
  readMigrations,
  readReleases,
  sha256Of,
} from "./releases.ts";
import { repeatable, type Statement, statementsOf } from "./statements.ts";

/** How the names of a part's migrations begin, behind the stamp. */
const PARTS: { part: Part; name: string }[] = [
  { part: "crm_sync", name: "crm_sync" },
  { part: "app", name: "sample_tables" },
];

/** Or a tick, which locks the ledger's tables in an order of its own, and the migration wait for each other. */
const TICKS_STAND_ASIDE = `
-- Until this has ended every tick finds the row locked, and ends at once; one that runs is waited for.
select from crm_sync.settings for update;
`;

export interface Wanted {
  migrations: Map<string, string>;
  /** Statements that can not be repeated and that nothing written by hand names: somebody has to say what becomes of them. */
  byHand: string[];
}

/** Throws where sql/ has changed and the version has not. */
export function generateMigrations(): Wanted {
  const [releases, committed, version] = [readReleases(), readMigrations(), currentVersion()];
  const released = releases.flatMap(({ migrations }) => Object.keys(migrations));
  const wanted: Wanted = {
    migrations: new Map(released.map((file) => [file, committed.get(file) ?? ""])),
    byHand: [],
  };
  const newest = releases.at(-1) as Release;
  for (const { part, name } of PARTS) {
    const before = released
      .filter((file) => nameOf(file).startsWith(name))
      .map((file) => committed.get(file) ?? "");
    const text = newest.version === version ? null : handWritten(part, version);
    const upgrade = upgradeOf(part, before, text);
    if (upgrade === null) continue;
    if (newest.version === version) {
      throw new Error(
        `sql/${part} has changed since ${version} was released: raise the version in package.json and sql/crm_sync/01_setup/version.sql`,
      );
    }
    const header = `-- Generated from sql/${part}/ by npm run migrations: from ${newest.version} to ${version}. Change the source, not this file.\n`;
    wanted.migrations.set(
      fileFor(name, version, committed, wanted.migrations),
      header + upgrade.text,
    );
    wanted.byHand.push(...upgrade.byHand);
  }
  return wanted;
}

/** Null when nothing has changed. */
function upgradeOf(
  part: Part,
  before: string[],
  handWritten: string | null,
): { text: string; byHand: string[] } | null {
  const { texts, objects, done } = statementsReleased(before);
  const changed = sqlFiles(part).flatMap((file) =>
    statementsOf(readFileSync(join(ROOT, file), "utf8"))
      .filter(({ text, object }) => (object ? objects.get(object) !== text : !texts.has(text)))
      .filter(({ text }) => !done.has(sha256Of(text)))
      .map((statement) => ({ file, statement })),
  );
  if (changed.length === 0 && handWritten === null) return null;
  const sections = new Map<string, string[]>();
  const dealtWith: string[] = [];
  const byHand: string[] = [];
  for (const { file, statement } of changed) {
    const isNew = statement.object !== null && !objects.has(statement.object);
    const again = repeatable(statement, isNew);
    if (again === null) {
      if (isDealtWith(statement, handWritten))
        dealtWith.push(`\n-- ${DONE} ${sha256Of(statement.text)}: ${firstLineOf(statement)}\n`);
      else byHand.push(`${file}: ${firstLineOf(statement)}`);
    } else sections.set(file, [...(sections.get(file) ?? []), `${again};`]);
  }
  const parts = [...sections].map(([file, lines]) => `\n-- ${file}\n\n${lines.join("\n\n")}\n`);
  const text = [
    part === "crm_sync" ? TICKS_STAND_ASIDE : "",
    handWritten === null ? "" : `\n${handWritten.trim()}\n`,
    ...dealtWith,
    ...parts,
    part === "crm_sync" ? "\nselect crm_sync._finish_upgrade();\n" : "",
  ].join("");
  return { text, byHand };
}

/** In a migration: what is written by hand makes of an older release what this statement, by its SHA-256, would have made. */
const DONE = "Done by hand, SHA-256";

function statementsReleased(migrations: string[]): {
  texts: Set<string>;
  objects: Map<string, string>;
  done: Set<string>;
} {
  const statements = migrations.flatMap(statementsOf);
  return {
    texts: new Set(statements.map(({ text }) => text)),
    objects: new Map(
      statements.flatMap(({ object, text }) => (object ? [[object, text] as const] : [])),
    ),
    done: new Set(
      migrations.flatMap((text) =>
        [...text.matchAll(new RegExp(`^-- ${DONE} (\\w+):`, "gm"))].map(([, hash]) => `${hash}`),
      ),
    ),
  };
}

function handWritten(part: Part, version: string): string | null {
  const file = join(ROOT, "sql", "upgrades", part, `${version}.sql`);
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}

/** Once named it keeps its stamp; a new one is a second younger than all others. */
function fileFor(
  name: string,
  version: string,
  committed: Map<string, string>,
  wanted: Map<string, string>,
): string {
  const ending = `_${name}_${version.replaceAll(".", "_")}.sql`;
  const known = [...committed.keys()].find((file) => file.endsWith(ending));
  if (known) return known;
  const newest = [...committed.keys(), ...wanted.keys()].sort().at(-1) ?? "";
  return `${BigInt(newest.slice(0, 14)) + 1n}${ending}`;
}

/** What is written by hand holds its first line, as itself or in a comment: `-- instead of: create table …`. */
export function isDealtWith(statement: Statement, handWritten: string | null): boolean {
  return handWritten?.includes(firstLineOf(statement)) ?? false;
}

function firstLineOf({ text }: Statement): string {
  return text.split("\n")[0] ?? "";
}
