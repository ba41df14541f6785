/** The figures that a goal asks for, contenders side by side: all of them, and those with which README begins. */
import { CONTENDERS } from "./contenders/contender.ts";
import { figure, range } from "./report.ts";
import type { MeasureResult, RunResult } from "./results.ts";
import { nameOf } from "./servers/server.ts";
import { spread } from "./statistics.ts";

/** What somebody who thinks of using it asks first, as rows are called. */
const FIRST_ASKED = [
  "One-row insert: new session",
  "Statements of 1,000 rows: insert of 1000 rows",
  "Drain of rows inserted in bulk, receiver takes 20 ms: rows a second",
  "Commit to receipt: 5 rows/s, p50",
  "Commit to receipt: 300 rows/s, p99",
];

const NAMES = CONTENDERS.map((name) => name.replace("-", " ")).join(" | ");
const RIGHT = CONTENDERS.map(() => "--:|").join("");

/** With the goals, and what was reached of each. */
export function markdownTable(run: RunResult): string {
  return [
    "",
    `${whereOf(run)} (smallest–largest).`,
    "",
    `| what | ${NAMES} | goals |`,
    `|---|${RIGHT}---|`,
    ...run.measures.flatMap((measure) =>
      rowsOf(measure).map(({ cells, goals }) => `${cells} ${goals} |`),
    ),
    "",
  ].join("\n");
}

/** Without the goals, but for how many are not met. Throws where a row of it was not measured. */
export function shortTable(run: RunResult): string {
  const rows = run.measures.flatMap(rowsOf);
  const verdicts = run.measures.flatMap((measure) => measure.verdicts);
  const missed = verdicts.filter(({ met }) => !met).length;
  return [
    "",
    `${whereOf(run)}.`,
    "",
    `| what | ${NAMES} |`,
    `|---|${RIGHT}`,
    ...FIRST_ASKED.map((name) => {
      const row = rows.find((one) => one.name === name);
      if (!row) throw new Error(`not measured: ${name}`);
      return row.cells;
    }),
    "",
    `Of ${verdicts.length} goals ${missed} are not met: all of them, with what was reached, in [docs/scale.md](docs/scale.md#measured).`,
    "",
  ].join("\n");
}

function whereOf({ machine, versions, date, commit, plan, server, isChanged }: RunResult): string {
  return [
    date.slice(0, 10),
    `${machine.cores} × ${machine.cpu}`,
    nameOf(server),
    `Deno ${versions.deno}, Node ${versions.node}, graphile-worker ${versions["graphile-worker"]}`,
    `commit ${commit}${isChanged ? " and changes" : ""}`,
    `median of ${plan.rounds} rounds`,
  ].join("; ");
}

function rowsOf({
  title,
  series,
  verdicts,
}: MeasureResult): { name: string; cells: string; goals: string }[] {
  const names = [...new Set(verdicts.map((verdict) => verdict.case))];
  return names.map((name) => {
    const cells = CONTENDERS.map((contender) => {
      const found = series.find((one) => one.case === name && one.contender === contender);
      return found ? `${figure(spread(found.figures).median)} ${found.unit}` : "";
    });
    const goals = verdicts
      .filter((verdict) => verdict.case === name)
      .map(
        ({ goal, wanted, reached, met }) =>
          `${goal} ${wanted}: **${figure(reached.median)}** (${range(reached)})${met ? "" : ", not met"}`,
      );
    const row = `${title}: ${name}`;
    return { name: row, cells: `| ${row} | ${cells.join(" | ")} |`, goals: goals.join("<br>") };
  });
}
