/** Holds figures against goals. */
import type { Goal, Series } from "./series.ts";
import { ratios, type Spread, spread } from "./statistics.ts";

export interface Verdict {
  goal: string;
  case: string;
  wanted: string;
  reached: Spread;
  met: boolean;
}

/** Goals whose figures were not measured in this run are left out. */
export function judge(series: readonly Series[], goals: readonly Goal[]): Verdict[] {
  return goals.flatMap((goal) => {
    const figures = compared(series, goal);
    if (!figures || figures.length === 0) return [];
    const reached = spread(figures);
    const met =
      (goal.atMost === undefined || reached.median <= goal.atMost) &&
      (goal.atLeast === undefined || reached.median >= goal.atLeast);
    return [{ goal: goal.text, case: goal.case, wanted: wanted(goal), reached, met }];
  });
}

function compared(series: readonly Series[], goal: Goal): number[] | null {
  const figuresOf = (name: string, contender: string) =>
    series.find((one) => one.case === name && one.contender === contender)?.figures;
  const ours = figuresOf(goal.case, "crm-sync");
  if (!ours || goal.by === "value") return ours ?? null;
  const base = figuresOf(goal.toCase ?? goal.case, goal.to ?? "crm-sync");
  if (!base) return null;
  if (goal.by === "ratio") return ratios(ours, base);
  return ours.slice(0, base.length).map((figure, round) => figure - (base[round] as number));
}

function wanted({ by, atMost, atLeast }: Goal): string {
  const unit = by === "ratio" ? "×" : "";
  return atMost !== undefined ? `≤ ${atMost}${unit}` : `≥ ${atLeast}${unit}`;
}
