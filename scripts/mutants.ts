/**
 * `npm run mutants`: do the tests bite? Changes the engine in one place at a time, and expects a test to turn red.
 * Exit code 1 if one mutant is caught by nobody and scripts/mutants/equivalent.json does not say why.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { program } from "commander";
import pc from "picocolors";
import type { Verdict } from "./mutants/judge-mutant.ts";
import { judgeSql } from "./mutants/judge-sql.ts";
import { readKept } from "./mutants/kept.ts";
import { allMutants, type Mutant } from "./mutants/mutants.ts";
import { readReasons } from "./mutants/reasons.ts";
import { openOnes, printLine, printSummary, survivorsOf, toMarkdown } from "./mutants/report.ts";
import { judgeTypescript } from "./mutants/typescript.ts";
import { ROOT } from "./sql-files.ts";

interface Options {
  only?: string[];
  file?: string[];
  judge?: string[];
  again?: boolean;
  equivalent?: boolean;
  list?: boolean;
  side: string;
  minutes?: string;
}

const PAGE = join(ROOT, "docs", "proof", "mutants.md");
/** Its mutants are Stryker's, who also judges them. */
const VITEST = "vitest";

async function main(options: Options): Promise<void> {
  const mutants = allMutants().filter((mutant) => isWanted(mutant, options));
  if (options.list) {
    for (const { name } of mutants) console.log(name);
    return;
  }
  const isWhole = !options.only && !options.file;
  const reasons = readReasons();
  const wantsJudge = (name: string) => !options.judge || options.judge.includes(name);
  const { verdicts, judges } = await judgeSql({
    mutants,
    reasons,
    wantsJudge,
    isWhole,
    withEquivalent: options.equivalent ?? false,
    again: options.again ?? false,
    kept: readKept(),
    lanes: Number(options.side),
    deadline: options.minutes ? Date.now() + Number(options.minutes) * 60_000 : Infinity,
  });
  if (wantsJudge(VITEST) && (isWhole || options.file?.some((word) => word.endsWith(".ts")))) {
    verdicts.push(...(await typescript(options)));
    judges.push(VITEST);
  }
  const judged = new Set(verdicts.map(({ name }) => name));
  const asked = isWhole ? reasons : new Map([...reasons].filter(([name]) => judged.has(name)));
  const outcome = { verdicts, judges, reasons: asked };
  printSummary(outcome);
  if (isWhole) {
    mkdirSync(dirname(PAGE), { recursive: true });
    writeFileSync(PAGE, toMarkdown(outcome, new Date().toISOString().slice(0, 10)));
  }
  const isDone = survivorsOf(outcome).holes.length === 0 && openOnes(outcome).length === 0;
  process.exitCode = isDone ? 0 : 1;
}

function isWanted({ name, file }: Pick<Mutant, "name" | "file">, { only, file: files }: Options) {
  const holds = (text: string, words?: string[]) =>
    !words || words.some((word) => text.toLowerCase().includes(word.toLowerCase()));
  return holds(name, only) && holds(file, files);
}

async function typescript(options: Options): Promise<Verdict[]> {
  console.log(pc.dim("the function's modules, by Stryker: some minutes"));
  const verdicts = (await judgeTypescript()).filter((verdict) => isWanted(verdict, options));
  verdicts.forEach(printLine);
  return verdicts;
}

program
  .description("Changes the engine in one place at a time and expects a test to turn red.")
  .option("--only <words...>", "mutants whose name holds one of these words")
  .option("--file <words...>", "mutants of files whose path holds one of these words")
  .option("--judge <names...>", "pgtap, sessions, model, vitest")
  .option("--again", "not those that the last run caught")
  .option("--equivalent", "those, too, that are known to change nothing: they take longest")
  .option("--side <count>", "mutants judged side by side", "2")
  .option("--minutes <count>", "judge no more after that; what is not reached stays open")
  .option("--list", "name the mutants and end")
  .action(main);
await program.parseAsync().catch((error: Error) => {
  console.error(pc.red(error.message));
  process.exitCode = 1;
});
