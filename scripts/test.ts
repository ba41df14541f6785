/**
 * `npm test`: the checks, the database's tests, unit and integration tests, and the proofs that end within minutes.
 * Ends with `N passed, N failed` alone on a line; exit code 0 only if something was tested and nothing failed.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { program } from "commander";
import { execa } from "execa";
import pc from "picocolors";
import { ROOT } from "./sql-files.ts";
import { formatTable } from "./terminal/table.ts";

interface Counts {
  passed: number;
  failed: number;
  /** What failed, named once more at the end: of a long log often only the end is kept. */
  failures?: string[];
}

/** What we read of Vitest's JSON report. */
interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  testResults: {
    name: string;
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

interface Suite {
  name: string;
  command: string[];
  env?: Record<string, string>;
  /** Goes on beside those after it, and shows its output when it has ended. */
  isBeside?: true;
  /** Begins when all before it have ended. */
  isAlone?: true;
  /** From what the command printed, or from the report that it wrote. */
  count(output: string): Counts;
}

interface Result extends Counts {
  name: string;
  seconds: number;
}

program
  .name("npm test")
  .description(
    "The checks, the tests of the database, unit and integration tests, and the proofs that end within minutes.\n" +
      "Ends with `N passed, N failed`, and with 1 when anything failed.",
  )
  .parse();

const reports = mkdtempSync(join(tmpdir(), "crm-sync-reports-"));

const SUITES: Suite[] = [
  // The same blows and waits as `npm run crash`, under a smaller load. It waits most of the time, so the others go on beside it.
  { ...vitest("crash", ["crash"]), env: { CRM_SYNC_CRASH_ROWS: "200" }, isBeside: true },
  { name: "checks", command: ["tsx", "scripts/check.ts"], count: countChecks },
  { name: "database", command: ["tsx", "scripts/test-db.ts"], count: countAssertions },
  vitest("unit", ["unit"]),
  vitest("integration", ["integration", "end-to-end"]),
  vitest("model", ["model"]),
  // Measures time: when all else has ended.
  { ...vitest("isolation", ["isolation"]), isAlone: true },
];

function vitest(name: string, projects: string[]): Suite {
  const file = join(reports, `${name}.json`);
  return {
    name,
    command: [
      ...["vitest", "run", ...projects.flatMap((project) => ["--project", project])],
      ...["--reporter", "default", "--reporter", "json", `--outputFile.json=${file}`],
    ],
    count: () => {
      const report: VitestReport = JSON.parse(readFileSync(file, "utf8"));
      return {
        passed: report.numPassedTests,
        failed: report.numFailedTests,
        failures: report.testResults.flatMap(failuresOf),
      };
    },
  };
}

function failuresOf({ name, message, assertionResults }: VitestReport["testResults"][0]): string[] {
  const file = relative(ROOT, name);
  const failed = assertionResults.filter(({ status }) => status === "failed");
  if (failed.length === 0) return message ? [`${file}: ${message}`] : [];
  return failed.map((test) => `${file}: ${test.fullName}: ${test.failureMessages[0] ?? ""}`);
}

/** A line a step: `ok`, `FAIL` or `skip`, then its seconds. */
function countChecks(output: string): Counts {
  const verdicts = [...output.matchAll(/^(ok|FAIL) +[\d.]+ s {2}/gm)].map(([, verdict]) => verdict);
  const failed = verdicts.filter((verdict) => verdict === "FAIL").length;
  return { passed: verdicts.length - failed, failed };
}

/** `N assertions in N files`, and where some failed `; N failed, N files red`. */
function countAssertions(output: string): Counts {
  const total = /^(\d+) assertions in \d+ files/m.exec(output)?.[1];
  const [, failed = 0, red = 0] = /; (\d+) failed, (\d+) files red/.exec(output) ?? [];
  const failures = Math.max(Number(failed), Number(red));
  return { passed: Number(total ?? 0) - Number(failed), failed: failures };
}

async function run({ name, command, env, count, isBeside }: Suite): Promise<Result> {
  const title = `\n${pc.bold(`── ${name}`)} ${pc.dim(command.join(" "))}`;
  console.log(isBeside ? `${title} ${pc.dim("(beside what follows)")}` : title);
  const started = performance.now();
  const [file = "", ...args] = command;
  const result = await execa(file, args, {
    cwd: ROOT,
    preferLocal: true,
    reject: false,
    all: true,
    stdin: "ignore",
    stdout: isBeside ? "pipe" : ["inherit", "pipe"],
    stderr: isBeside ? "pipe" : ["inherit", "pipe"],
    env: { ...env, ...(process.stdout.isTTY && { FORCE_COLOR: "1" }) },
  });
  if (isBeside) console.log(`${title}\n${result.all}`);
  const seconds = (performance.now() - started) / 1000;
  let counts: Counts = { passed: 0, failed: 0 };
  try {
    counts = count(stripVTControlCharacters(result.all ?? ""));
  } catch {
    // It ended before it had written anything to count.
  }
  const { passed, failed, failures = [] } = counts;
  // Red without a failed test: a file that does not load, a run that tested nothing.
  const isRed = result.exitCode !== 0 || passed + failed === 0;
  return { name, passed, failed: isRed ? Math.max(failed, 1) : failed, failures, seconds };
}

async function runAll(): Promise<Result[]> {
  const running: Promise<Result>[] = [];
  for (const suite of SUITES) {
    if (suite.isAlone) await Promise.all(running);
    const result = run(suite);
    running.push(result);
    if (!suite.isBeside) await result;
  }
  return Promise.all(running);
}

const begin = performance.now();
const results = await runAll().finally(() => rmSync(reports, { recursive: true, force: true }));

const sum = (field: "passed" | "failed") =>
  results.reduce((total, result) => total + result[field], 0);
const cells = results.map(({ name, passed, failed, seconds }) => [
  name,
  String(passed),
  String(failed),
  seconds.toFixed(1),
]);
for (const failure of results.flatMap(({ failures = [] }) => failures)) {
  console.log(`\n${pc.red("FAIL")} ${stripVTControlCharacters(failure).slice(0, 1_000)}`);
}
console.log(`\n${formatTable(["", "passed", "failed", "seconds"], cells)}`);
console.log(`\nin ${((performance.now() - begin) / 1_000).toFixed(0)} s`);
console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
process.exitCode = sum("failed") === 0 ? 0 : 1;
