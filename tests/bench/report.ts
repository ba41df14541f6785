/** The tables of a run, for people and for documents. */
import pc from "picocolors";
import { formatTable } from "../../scripts/terminal/table.ts";
import type { Series } from "./series.ts";
import { ratios, type Spread, spread } from "./statistics.ts";
import type { Verdict } from "./verdicts.ts";

/** One row for each case and contender: the median of the rounds with its spread, and how many times the plain table's. */
export function seriesTable(series: readonly Series[]): string {
  const hasPlain = series.some(({ contender }) => contender === "plain");
  const columns = ["case", "contender", "median", "spread", "unit"];
  if (hasPlain) columns.push("× plain", "spread");
  return formatTable(columns, inCases(series).map(toRow));

  function toRow(one: Series, index: number, all: Series[]): string[] {
    const figures = spread(one.figures);
    const isFirst = all[index - 1]?.case !== one.case;
    const cells = [isFirst ? one.case : "", one.contender, figure(figures.median), range(figures)];
    const base = series.find((other) => other.case === one.case && other.contender === "plain");
    const times = base && one !== base ? spread(ratios(one.figures, base.figures)) : null;
    return [...cells, one.unit, times ? figure(times.median) : "", times ? range(times) : ""];
  }
}

/** Figures of one case stand together, whenever they were recorded. */
function inCases(series: readonly Series[]): Series[] {
  const names = [...new Set(series.map((one) => one.case))];
  return names.flatMap((name) => series.filter((one) => one.case === name));
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  return formatTable(
    ["goal", "case", "wanted", "reached", "spread", ""],
    verdicts.map(({ goal, case: name, wanted, reached, met }) => [
      goal,
      name,
      wanted,
      figure(reached.median),
      range(reached),
      met ? pc.green("met") : pc.red("not met"),
    ]),
  );
}

export function range({ min, max }: Spread): string {
  return `${figure(min)}–${figure(max)}`;
}

/** Three digits that count. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "?" : "∞";
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}
