/** What a measure says: one figure a round for each case and contender, and what the figures are held against. */
import type { ContenderName } from "./contenders/contender.ts";

export interface Series {
  case: string;
  contender: ContenderName;
  unit: string;
  /** One for each round, in their order. */
  figures: number[];
  /** Whatever else is worth keeping of each round, in the same order. */
  details?: unknown[];
}

/** A figure of ours against a number, or against the same figure of another contender. */
export interface Goal {
  case: string;
  /** Absent: the figure itself. Another case of ours: `toCase`. */
  to?: ContenderName;
  toCase?: string;
  /** How the two are set against each other. */
  by: "ratio" | "difference" | "value";
  atMost?: number;
  atLeast?: number;
  /** In the words of people. */
  text: string;
}

export interface Recorder {
  /** Takes the figure of a round. */
  add(
    place: { case: string; contender: ContenderName; unit: string },
    figure: number,
    detail?: unknown,
  ): void;
  series(): Series[];
}

export function openRecorder(): Recorder {
  const found = new Map<string, Series>();
  return {
    add: (place, figure, detail) => {
      const key = `${place.case}\0${place.contender}`;
      const series = found.get(key) ?? { ...place, figures: [] };
      found.set(key, series);
      series.figures.push(figure);
      if (detail !== undefined) {
        series.details ??= [];
        series.details.push(detail);
      }
    },
    series: () => [...found.values()],
  };
}
