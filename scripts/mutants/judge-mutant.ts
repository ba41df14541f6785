/** Installs one mutant into a clone and asks the judges. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Judge, Subject } from "./judges.ts";
import type { Mutant } from "./mutants.ts";
import { type Clone, query, type Template } from "./template.ts";

export interface Verdict {
  name: string;
  kind: string;
  file: string;
  /** invalid: Postgres does not take it, so it says nothing about the tests. open: there was no time for it. */
  status: "caught" | "survived" | "invalid" | "open";
  /** The judge's name, or what else stopped it. */
  by: string;
  what: string;
}

/** Throws if a judge finds fault with what is not mutated: then what it catches says nothing. */
export async function requireOriginalPasses(
  template: Template,
  original: Definitions,
  judges: Judge[],
): Promise<void> {
  for (const judge of judges) {
    const clone = await template.clone();
    try {
      const affected = [...original.keys()];
      const what = await inTime(judge, {
        ...clone,
        name: "the original",
        file: "",
        sql: "",
        affected,
      });
      if (what !== undefined) throw new Error(`${judge.name} is red without any mutant: ${what}`);
    } finally {
      await clone.drop();
    }
  }
}

export type Definitions = Map<string, string>;

export async function judgeMutant(
  template: Template,
  original: Definitions,
  judges: Judge[],
  mutant: Mutant,
): Promise<Verdict> {
  const clone = await template.clone();
  const verdict = (status: Verdict["status"], by = "", what = ""): Verdict => {
    const { name, kind, file } = mutant;
    return { name, kind, file, status, by, what };
  };
  try {
    const problem = await install(clone, mutant);
    if (problem) return verdict(problem.status, problem.by, problem.what);
    const subject: Subject = {
      ...mutant,
      ...clone,
      name: mutant.name,
      affected: await affectedIn(clone, original),
    };
    for (const judge of judges) {
      const what = await inTime(judge, subject);
      if (what !== undefined) return verdict("caught", judge.name, what);
    }
    return verdict("survived");
  } finally {
    await clone.drop();
  }
}

async function install(
  { url }: Clone,
  { sql, file }: Mutant,
): Promise<Pick<Verdict, "status" | "by" | "what"> | undefined> {
  try {
    await query(url, sql);
  } catch (error) {
    return { status: "invalid", by: "create", what: (error as Error).message };
  }
  if (!file.startsWith("05_capture/")) return undefined;
  try {
    // What is generated from a mutated generator is mutated, too. Every migration ends with this call.
    await query(url, "set statement_timeout = '30s'; select crm_sync.reattach()");
    return undefined;
  } catch (error) {
    return { status: "caught", by: "reattach()", what: (error as Error).message };
  }
}

export async function definitionsIn({ url }: Pick<Clone, "url">): Promise<Definitions> {
  const rows = await query<{ name: string; definition: string }>(
    url,
    `select proname as name, string_agg(pg_get_functiondef(oid), '' order by oid) as definition
     from pg_proc where pronamespace = 'crm_sync'::regnamespace and prokind = 'f' group by proname`,
  );
  return new Map(rows.map(({ name, definition }) => [name, definition]));
}

async function affectedIn(clone: Clone, original: Definitions): Promise<string[]> {
  const mutated = await definitionsIn(clone);
  const names = new Set([...original.keys(), ...mutated.keys()]);
  return [...names].filter((name) => original.get(name) !== mutated.get(name));
}

async function inTime(judge: Judge, subject: Subject): Promise<string | undefined> {
  const over = new AbortController();
  // After a time-out the database goes from under it.
  const judged = judge.judge(subject).catch((error: Error) => `it raised: ${error.message}`);
  const limit = sleep(judge.timeLimitMs, "time-out", { signal: over.signal }).catch(
    () => undefined,
  );
  try {
    const what = await Promise.race([judged, limit]);
    return what === "time-out" ? `time-out after ${judge.timeLimitMs / 1000} s` : what;
  } finally {
    over.abort();
  }
}
