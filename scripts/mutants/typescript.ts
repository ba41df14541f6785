/** Mutants of the Edge Function's modules: Stryker makes and judges them, by the function's unit tests. */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { ROOT } from "../sql-files.ts";
import type { Verdict } from "./judge-mutant.ts";

const REPORT = join(ROOT, ".crm-sync", "mutants", "typescript.json");

const position = z.object({ line: z.number(), column: z.number() });

/** The parts that we read of the format that Stryker's reports have (mutation-testing-report-schema). */
const report = z.object({
  files: z.record(
    z.string(),
    z.object({
      source: z.string(),
      mutants: z.array(
        z.object({
          mutatorName: z.string(),
          replacement: z.string().optional(),
          status: z.string(),
          killedBy: z.array(z.string()).optional(),
          location: z.object({ start: position, end: position }),
        }),
      ),
    }),
  ),
  testFiles: z.record(
    z.string(),
    z.object({ tests: z.array(z.object({ id: z.string(), name: z.string() })) }),
  ),
});

type Report = z.infer<typeof report>;

/** Takes minutes. */
export async function judgeTypescript(): Promise<Verdict[]> {
  await execa("npx", ["stryker", "run", "scripts/mutants/stryker.config.json"], {
    cwd: ROOT,
    all: true,
  });
  return verdictsOf(report.parse(JSON.parse(readFileSync(REPORT, "utf8"))));
}

function verdictsOf({ files, testFiles }: Report): Verdict[] {
  const tests = new Map(
    Object.values(testFiles).flatMap((file) => file.tests.map(({ id, name }) => [id, name])),
  );
  const counts = new Map<string, number>();
  return Object.entries(files).flatMap(([file, { source, mutants }]) =>
    mutants.map((mutant) => {
      const name = nameOf(file, source, mutant);
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      const what = mutant.killedBy?.map((id) => tests.get(id) ?? id).join(", ") ?? "";
      return {
        name: count === 1 ? name : `${name} #${count}`,
        kind: "typescript",
        file,
        ...judged(mutant.status, what),
      };
    }),
  );
}

function judged(status: string, what: string): Pick<Verdict, "status" | "by" | "what"> {
  if (status === "Killed") return { status: "caught", by: "vitest", what };
  if (status === "Timeout") return { status: "caught", by: "vitest", what: "time-out" };
  if (status === "Survived" || status === "NoCoverage") {
    return { status: "survived", by: "", what: "" };
  }
  return { status: "invalid", by: "stryker", what: status };
}

function nameOf(
  file: string,
  source: string,
  { mutatorName, replacement, location }: Report["files"][string]["mutants"][number],
): string {
  const lines = source.split("\n");
  const offset = ({ line, column }: z.infer<typeof position>) =>
    lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
  const [from, to] = [offset(location.start), offset(location.end)];
  const short = (text: string) => {
    const line = text.replace(/\s+/g, " ").trim();
    return line.length <= 80 ? line : `${line.slice(0, 48)} … ${line.slice(-24)}`;
  };
  // A mutant of a part of a line: with the words before it, or many were called alike.
  const before = source
    .slice(source.lastIndexOf("\n", from) + 1, from)
    .trim()
    .slice(-40);
  const change = `[${short(source.slice(from, to))} → ${short(replacement ?? "")}]`;
  return `${basename(file)} ${mutatorName}: ${before} ${change}`.replace(/ +/g, " ");
}
