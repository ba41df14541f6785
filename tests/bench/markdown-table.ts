/** The figures that a goal asks for, contenders side by side, as README shows them. */
import { CONTENDERS } from "./contenders/contender.ts";
import { figure, range } from "./report.ts";
import type { MeasureResult, RunResult } from "./results.ts";
import { nameOf } from "./servers/server.ts";
import { spread } from "./statistics.ts";

export function markdownTable({ measures, ...run }: RunResult): string {
  const { machine, versions, date, commit, plan, server } = run;
  const where = [
    date.slice(0, 10),
    `${machine.cores} × ${machine.cpu}`,
    nameOf(server),
    `Deno ${versions.deno}, Node ${versions.node}, graphile-worker ${versions["graphile-worker"]}`,
    `commit ${commit}${run.isChanged ? " and changes" : ""}`,
    `median of ${plan.rounds} rounds (smallest–largest)`,
  ];
  return [
    "",
    `${where.join("; ")}.`,
    "",
    `| what | ${CONTENDERS.map((name) => name.replace("-", " ")).join(" | ")} | goals |`,
    `|---|${CONTENDERS.map(() => "--:|").join("")}---|`,
    ...measures.flatMap(rowsOf),
    "",
  ].join("\n");
}

function rowsOf({ title, series, verdicts }: MeasureResult): string[] {
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
    return `| ${title}: ${name} | ${cells.join(" | ")} | ${goals.join("<br>")} |`;
  });
}
