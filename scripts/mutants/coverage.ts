/**
 * Which of our functions each pgTAP file enters: only these files can tell a mutant of a function from the original.
 * Counted by a sequence for each function, because a sequence counts what fails and is rolled back, too.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runTestFile } from "../pgtap.ts";
import { ROOT, sqlFiles } from "../sql-files.ts";
import { type Clone, query, type Template } from "./template.ts";

export interface Entered {
  /** Red without any mutant: it can judge none. */
  isRed: boolean;
  /** The functions that it enters; null where nobody can say. */
  functions: string[] | null;
  durationMs: number;
}

/** By test file, below the repository's root. */
export type Coverage = Record<string, Entered>;

const CACHE = join(ROOT, ".crm-sync", "mutants", "coverage.json");
/** A test that reads definitions tells mutants apart without a call. */
const READS_DEFINITIONS = /pg_proc|pg_get_functiondef|prosrc|proconfig/;

/** What is known of a test is kept until the test or the engine changes. */
export async function readCoverage(template: Template, tests: string[]): Promise<Coverage> {
  const engine = [...sqlFiles("crm_sync"), ...sqlFiles("app")];
  const keys = new Map(tests.map((test) => [test, hashOf([...engine, test])]));
  const cached: Record<string, Entered> = existsSync(CACHE)
    ? JSON.parse(readFileSync(CACHE, "utf8"))
    : {};
  const known = Object.fromEntries(
    [...keys.values()].flatMap((key) => (cached[key] ? [[key, cached[key]]] : [])),
  ) as Record<string, Entered>;
  const unknown = tests.filter((test) => !known[keys.get(test) ?? ""]);
  if (unknown.length > 0) {
    const clone = await template.clone();
    const counted = await countEntries(clone);
    for (const test of unknown) known[keys.get(test) ?? ""] = await enteredBy(clone, test, counted);
    await clone.drop();
    mkdirSync(dirname(CACHE), { recursive: true });
    writeFileSync(CACHE, JSON.stringify(known));
  }
  return Object.fromEntries([...keys].map(([test, key]) => [test, known[key] as Entered]));
}

async function enteredBy(clone: Clone, test: string, counted: Set<string>): Promise<Entered> {
  const before = await counts(clone);
  const { ok, durationMs } = await runTestFile(clone.url, join(ROOT, test), test);
  const after = await counts(clone);
  const functions = [...counted].filter((name) => after.get(name) !== before.get(name));
  if (READS_DEFINITIONS.test(readFileSync(join(ROOT, test), "utf8"))) {
    // It may be red because the functions count.
    return { isRed: false, functions: null, durationMs };
  }
  return { isRed: !ok, functions, durationMs };
}

/** Makes each function count its calls; returns their names. */
async function countEntries({ url, superuserUrl }: Clone): Promise<Set<string>> {
  const functions = await query<{ name: string; language: string; definition: string }>(
    url,
    `select proname as name, lanname as language, pg_get_functiondef(pg_proc.oid) as definition
     from pg_proc join pg_language on pg_language.oid = prolang
     where pronamespace = 'crm_sync'::regnamespace`,
  );
  const names = new Set(functions.map(({ name }) => name));
  await query(
    superuserUrl,
    [
      "create schema coverage; grant usage on schema coverage to public;",
      ...[...names].map((name) => `create sequence coverage."${name}";`),
      "grant usage on all sequences in schema coverage to public;",
    ].join("\n"),
  );
  await query(url, functions.map(counting).join(";\n"));
  return names;
}

function counting(subject: { name: string; language: string; definition: string }): string {
  const { name, language, definition } = subject;
  const call = `nextval('coverage."${name}"')`;
  if (language === "sql")
    return definition.replace("AS $function$", () => `AS $function$ select ${call};`);
  const first = /^(declare|begin)$/m.exec(definition)?.[0];
  if (!first) throw new Error(`${name} has neither declare nor begin on a line of its own`);
  const declared = `declare\n    v_entered bigint := ${call};`;
  return definition.replace(/^(declare|begin)$/m, () =>
    first === "declare" ? declared : `${declared}\nbegin`,
  );
}

async function counts({ superuserUrl }: Clone): Promise<Map<string, string | null>> {
  const rows = await query<{ name: string; count: string | null }>(
    superuserUrl,
    "select sequencename as name, last_value::text as count from pg_sequences where schemaname = 'coverage'",
  );
  return new Map(rows.map(({ name, count }) => [name, count]));
}

function hashOf(paths: string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(path).update(readFileSync(join(ROOT, path)));
  return hash.digest("hex");
}
