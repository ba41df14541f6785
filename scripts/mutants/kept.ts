/** Verdicts kept from run to run: what was caught need not be judged again while a new test is being written for the rest. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "../sql-files.ts";
import type { Verdict } from "./judge-mutant.ts";

const FILE = join(ROOT, ".crm-sync", "mutants", "verdicts.json");

export interface KeptVerdicts {
  /** The verdict of the last run, if the mutant was caught and is the same still. */
  caughtBefore(name: string, sql: string): Verdict | undefined;
  keep(verdict: Verdict, sql: string): void;
  write(): void;
}

export function readKept(): KeptVerdicts {
  const kept: Record<string, Verdict & { hash: string }> = existsSync(FILE)
    ? JSON.parse(readFileSync(FILE, "utf8"))
    : {};
  return {
    caughtBefore: (name, sql) => {
      const last = kept[name];
      if (!last || last.hash !== hashOf(sql) || last.status === "survived") return undefined;
      const { hash, ...verdict } = last;
      return verdict;
    },
    keep: (verdict, sql) => {
      kept[verdict.name] = { ...verdict, hash: hashOf(sql) };
    },
    write: () => {
      mkdirSync(dirname(FILE), { recursive: true });
      writeFileSync(FILE, JSON.stringify(kept, null, 1));
    },
  };
}

function hashOf(sql: string): string {
  return createHash("sha256").update(sql).digest("hex").slice(0, 16);
}
