/**
 * `npm test`: the checks, the database's tests, unit and integration tests, one after another.
 * Ends with `N passed, N failed` alone on a line; exit code 0 only if something was tested and nothing failed.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
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
  /** From what the command printed, or from the report that it wrote. */
  count(output: string): Counts;
}

interface Result extends Counts {
  name: string;
  seconds: number;
}

const reports = mkdtempSync(join(tmpdir(), "crm-sync-reports-"));

const SUITES: Suite[] = [
  { name: "checks", command: ["tsx", "scripts/check.ts"], count: countChecks },
  { name: "database", command: ["tsx", "scripts/test-db.ts"], count: countAssertions },
  vitest("unit", ["unit"]),
  vitest("integration", ["integration", "end-to-end"]),
  vitest("model", ["model"]),
  vitest("isolation", ["isolation"]),
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

async function run({ name, command, count }: Suite): Promise<Result> {
  console.log(`\n${pc.bold(`── ${name}`)} ${pc.dim(command.join(" "))}`);
  const started = performance.now();
  const [file = "", ...args] = command;
  const result = await execa(file, args, {
    cwd: ROOT,
    preferLocal: true,
    reject: false,
    all: true,
    stdin: "ignore",
    stdout: ["inherit", "pipe"],
    stderr: ["inherit", "pipe"],
    ...(process.stdout.isTTY && { env: { FORCE_COLOR: "1" } }),
  });
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

const results: Result[] = [];
try {
  for (const suite of SUITES) results.push(await run(suite));
} finally {
  rmSync(reports, { recursive: true, force: true });
}

const sum = (field: "passed" | "failed" | "seconds") =>
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
console.log(`\nin ${sum("seconds").toFixed(0)} s`);
console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
process.exitCode = sum("failed") === 0 ? 0 : 1;
