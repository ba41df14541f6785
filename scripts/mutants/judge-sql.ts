/** Has all mutants of the SQL judged, some of them side by side. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import pc from "picocolors";
import { ROOT } from "../sql-files.ts";
import { readCoverage } from "./coverage.ts";
import { definitionsIn, judgeMutant, requireOriginalPasses, type Verdict } from "./judge-mutant.ts";
import { allJudges } from "./judges.ts";
import type { KeptVerdicts } from "./kept.ts";
import type { Mutant } from "./mutants.ts";
import { printLine } from "./report.ts";
import { makeTemplate } from "./template.ts";

export interface SqlOptions {
  mutants: Mutant[];
  /** Why some change nothing, by name. */
  reasons: Map<string, string>;
  wantsJudge: (name: string) => boolean;
  /** Also those that change nothing. */
  withEquivalent: boolean;
  /** Whether the judges must first pass the original. */
  isWhole: boolean;
  /** What was caught in the last run is not judged again. */
  again: boolean;
  kept: KeptVerdicts;
  lanes: number;
  /** From then on nothing more is judged; ms since 1970. */
  deadline: number;
}

export async function judgeSql(
  options: SqlOptions,
): Promise<{ verdicts: Verdict[]; judges: string[] }> {
  const { mutants, kept } = options;
  if (mutants.length === 0) return { verdicts: [], judges: [] };
  const tests = pgtapFiles();
  const template = await makeTemplate();
  try {
    const coverage = await readCoverage(template, tests);
    for (const test of tests.filter((file) => coverage[file]?.isRed)) {
      console.log(pc.yellow(`red without any mutant, so it judges none: ${test}`));
    }
    const judges = allJudges({ tests, coverage }).filter(({ name }) => options.wantsJudge(name));
    const clone = await template.clone();
    const original = await definitionsIn(clone);
    await clone.drop();
    if (options.isWhole) await requireOriginalPasses(template, original, judges);
    const verdicts = await sideBySide(options.lanes, mutants, async (mutant) => {
      const before = options.again ? kept.caughtBefore(mutant.name, mutant.sql) : undefined;
      if (before) return before;
      const isExcused = options.reasons.has(mutant.name);
      if (isExcused && !options.withEquivalent) {
        return unjudged(mutant, "survived", "known to change nothing");
      }
      if (Date.now() > options.deadline) return unjudged(mutant, "open", "");
      const asked = judges.filter(({ isSlow }) => !isSlow || !isExcused);
      const verdict = await judgeMutant(template, original, asked, mutant);
      printLine(verdict);
      kept.keep(verdict, mutant.sql);
      return verdict;
    });
    return { verdicts, judges: judges.map(({ name }) => name) };
  } finally {
    kept.write();
    await template.stop();
  }
}

function pgtapFiles(): string[] {
  return readdirSync(join(ROOT, "tests", "db"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.sql"))
    .map((file) => `tests/db/${file}`)
    .sort();
}

function unjudged({ name, kind, file }: Mutant, status: Verdict["status"], what: string): Verdict {
  return { name, kind, file, status, by: "", what };
}

/** In the order of the mutants, whoever is ready first. */
async function sideBySide(
  lanes: number,
  mutants: Mutant[],
  judge: (mutant: Mutant) => Promise<Verdict>,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  let next = 0;
  const lane = async () => {
    while (next < mutants.length) {
      const index = next;
      next += 1;
      verdicts[index] = await judge(mutants[index] as Mutant);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return verdicts;
}
