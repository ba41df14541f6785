/** What came of the mutants: a table for the terminal, a page for docs. */
import pc from "picocolors";
import { formatTable } from "../terminal/table.ts";
import type { Verdict } from "./judge-mutant.ts";

export interface Outcome {
  verdicts: Verdict[];
  reasons: Map<string, string>;
  judges: string[];
}

export function survivorsOf({ verdicts, reasons }: Outcome): {
  excused: Verdict[];
  holes: Verdict[];
} {
  const survivors = verdicts.filter(({ status }) => status === "survived");
  return {
    excused: survivors.filter(({ name }) => reasons.has(name)),
    holes: survivors.filter(({ name }) => !reasons.has(name)),
  };
}

/** Those for which there was no time. */
export function openOnes({ verdicts }: Outcome): Verdict[] {
  return verdicts.filter(({ status }) => status === "open");
}

/** Reasons for mutants that were caught, or are none any more. */
export function staleReasons({ verdicts, reasons }: Outcome): string[] {
  const survived = new Set(verdicts.filter((v) => v.status === "survived").map(({ name }) => name));
  return [...reasons.keys()].filter((name) => !survived.has(name));
}

export function countsByKind(outcome: Outcome): { head: string[]; rows: string[][] } {
  const { excused, holes } = survivorsOf(outcome);
  const row = (kind: string, of: Verdict[]) => {
    const count = (test: (verdict: Verdict) => boolean) => String(of.filter(test).length);
    return [
      kind,
      count(({ status }) => status !== "invalid"),
      count(({ status }) => status === "caught"),
      count(({ what, status }) => status === "caught" && what.includes("time-out")),
      count((verdict) => excused.includes(verdict)),
      count((verdict) => holes.includes(verdict)),
      count(({ status }) => status === "open"),
    ];
  };
  const kinds = [...new Set(outcome.verdicts.map(({ kind }) => kind))];
  return {
    head: [
      "kind",
      "mutants",
      "caught",
      "of these by time-out",
      "equivalent",
      "not caught",
      "not reached",
    ],
    rows: [
      ...kinds.map((kind) =>
        row(
          kind,
          outcome.verdicts.filter((v) => v.kind === kind),
        ),
      ),
      row("all", outcome.verdicts),
    ],
  };
}

export function printLine({ name, status, by, what }: Verdict): void {
  const mark = {
    caught: pc.green("✓"),
    survived: pc.red("✗"),
    invalid: pc.dim("–"),
    open: pc.dim("…"),
  }[status];
  console.log(`${mark} ${name}${pc.dim(` — ${[by, what].filter(Boolean).join(": ") || status}`)}`);
}

export function printSummary(outcome: Outcome): void {
  const { head, rows } = countsByKind(outcome);
  console.log(`\n${formatTable(head, rows)}`);
  const { holes, excused } = survivorsOf(outcome);
  for (const { name } of holes) console.log(`${pc.red("not caught")} ${name}`);
  for (const name of staleReasons(outcome))
    console.log(`${pc.yellow("reason without survivor")} ${name}`);
  const open = openOnes(outcome);
  if (open.length > 0) console.log(pc.yellow(`${open.length} mutants not reached`));
  console.log(
    holes.length === 0
      ? pc.green(`\nevery mutant caught, but for ${excused.length} that change nothing`)
      : pc.red(`\n${holes.length} mutants not caught`),
  );
}

export function toMarkdown(outcome: Outcome, date: string): string {
  const { head, rows } = countsByKind(outcome);
  const { excused, holes } = survivorsOf(outcome);
  const invalid = outcome.verdicts.filter(({ status }) => status === "invalid");
  const files = [...new Set(outcome.verdicts.map(({ file }) => file))];
  return `${[
    "# The tests bite",
    "",
    `Written by \`npm run mutants\` on ${date}; judges: ${outcome.judges.join(", ")}.`,
    "Each mutant is the engine with one thing changed; a test that stays green did not look at that thing.",
    "Kinds: `designed` takes away a rule on which a promise stands; `condition` drops one operand of a condition, `comparison`",
    "turns one round, `constant` doubles a number or a time, `lock` does without a lock or waits for it, `branch` never takes one,",
    "`statement` leaves one out, `handler` catches nothing, `coalesce`, `order` and `distinct` do without, or the other way round;",
    "`typescript` are Stryker's, of the modules that judge a receiver's answer and open an envelope.",
    "",
    ...tableOf(head, rows),
    ...section(
      "Not caught",
      holes.map(({ name }) => `- ${code(name)}`),
    ),
    ...section(
      "Not reached: changed since they were judged, and there was no time",
      openOnes(outcome).map(({ name }) => `- ${code(name)}`),
    ),
    ...section(
      "Not caught, and why that says nothing",
      excused.map(({ name }) => `- ${code(name)}: ${outcome.reasons.get(name)}`),
    ),
    ...section(
      "Refused by Postgres, so not counted",
      invalid.map(({ name, what }) => `- ${code(name)}: ${oneLine(what)}`),
    ),
    ...files.flatMap((file) => [
      ...section(
        file,
        outcome.verdicts
          .filter((verdict) => verdict.file === file && verdict.status === "caught")
          .map(({ name, by, what }) => `- ${code(name)} — ${by}: ${oneLine(what)}`),
      ),
    ]),
  ].join("\n")}\n`;
}

function tableOf(head: string[], rows: string[][]): string[] {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "--:"))), ...rows.map(line)];
}

function section(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : ["", `## ${title}`, "", ...lines];
}

function code(text: string): string {
  return `\`${oneLine(text).replaceAll("`", "'")}\``;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
