/**
 * `npm run mutants`: do the tests bite? Changes the engine in one place at a time, and expects a test to turn red.
 * Exit code 1 if one mutant is caught by nobody and scripts/mutants/equivalent.json does not say why.
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "commander";
import pc from "picocolors";
import { readCoverage } from "./mutants/coverage.ts";
import {
  definitionsIn,
  judgeMutant,
  requireOriginalPasses,
  type Verdict,
} from "./mutants/judge-mutant.ts";
import { allJudges } from "./mutants/judges.ts";
import { allMutants, type Mutant } from "./mutants/mutants.ts";
import { readReasons } from "./mutants/reasons.ts";
import { printLine, printSummary, survivorsOf, toMarkdown } from "./mutants/report.ts";
import { makeTemplate } from "./mutants/template.ts";
import { judgeTypescript } from "./mutants/typescript.ts";
import { ROOT } from "./sql-files.ts";

interface Options {
  only?: string[];
  file?: string[];
  judge?: string[];
  list?: boolean;
  equivalent?: boolean;
  side: string;
}

const PAGE = join(ROOT, "docs", "proof", "mutants.md");
/** Its mutants are Stryker's, who also judges them. */
const VITEST = "vitest";

async function main(options: Options): Promise<void> {
  const known = readReasons();
  const mutants = allMutants().filter((mutant) => isWanted(mutant, options));
  if (options.list) return mutants.forEach(({ name }) => void console.log(name));
  const isPart = Boolean(options.only ?? options.file);
  const wants = (judge: string) => !options.judge || options.judge.includes(judge);
  const { verdicts, judges } = await judgeSql(mutants, options, known, wants);
  if (wants(VITEST) && (!isPart || options.file?.some((word) => word.endsWith(".ts")))) {
    console.log(pc.dim("the function's modules, by Stryker: some minutes"));
    const judged = (await judgeTypescript()).filter((verdict) => isWanted(verdict, options));
    judged.forEach(printLine);
    verdicts.push(...judged);
    judges.push(VITEST);
  }
  const reasons = new Map(
    [...known].filter(([name]) => !isPart || verdicts.some((v) => v.name === name)),
  );
  const outcome = { verdicts, judges, reasons };
  printSummary(outcome);
  if (!isPart) {
    mkdirSync(join(PAGE, ".."), { recursive: true });
    writeFileSync(PAGE, toMarkdown(outcome, new Date().toISOString().slice(0, 10)));
  }
  process.exitCode = survivorsOf(outcome).holes.length === 0 ? 0 : 1;
}

function isWanted({ name, file }: Pick<Mutant, "name" | "file">, { only, file: files }: Options) {
  const holds = (text: string, words?: string[]) =>
    !words || words.some((word) => text.toLowerCase().includes(word.toLowerCase()));
  return holds(name, only) && holds(file, files);
}

async function judgeSql(
  mutants: Mutant[],
  options: Options,
  known: Map<string, string>,
  wants: (judge: string) => boolean,
): Promise<{ verdicts: Verdict[]; judges: string[] }> {
  if (mutants.length === 0) return { verdicts: [], judges: [] };
  const tests = readdirSync(join(ROOT, "tests", "db"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.sql"))
    .map((file) => `tests/db/${file}`)
    .sort();
  const template = await makeTemplate();
  try {
    const coverage = await readCoverage(template, tests);
    for (const test of tests.filter((file) => coverage[file]?.isRed)) {
      console.log(pc.yellow(`red without any mutant, so it judges none: ${test}`));
    }
    const judges = allJudges({ tests, coverage }).filter(({ name }) => wants(name));
    const clone = await template.clone();
    const original = await definitionsIn(clone);
    await clone.drop();
    if (!options.only && !options.file) await requireOriginalPasses(template, original, judges);
    const verdicts = await sideBySide(Number(options.side), mutants, async (mutant) => {
      if (!known.has(mutant.name)) return judgeMutant(template, original, judges, mutant);
      if (!options.equivalent) return unjudged(mutant);
      const quick = judges.filter(({ isSlow }) => !isSlow);
      return judgeMutant(template, original, quick, mutant);
    });
    return { verdicts, judges: judges.map(({ name }) => name) };
  } finally {
    await template.stop();
  }
}

function unjudged({ name, kind, file }: Mutant): Verdict {
  return { name, kind, file, status: "survived", by: "", what: "known to change nothing" };
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
      const verdict = await judge(mutants[index] as Mutant);
      printLine(verdict);
      verdicts[index] = verdict;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return verdicts;
}

program
  .description("Changes the engine in one place at a time and expects a test to turn red.")
  .option("--only <words...>", "mutants whose name holds one of these words")
  .option("--file <words...>", "mutants of files whose path holds one of these words")
  .option("--judge <names...>", "pgtap, model, vitest")
  .option("--side <count>", "mutants judged side by side", "2")
  .option("--equivalent", "judge those, too, that are known to change nothing: they take longest")
  .option("--list", "name the mutants and end")
  .action(main);
await program.parseAsync().catch((error: Error) => {
  console.error(pc.red(error.message));
  process.exitCode = 1;
});
