import type { Bench } from "../bench.ts";
import type { Goal, Series } from "../series.ts";

export interface Measure {
  name: string;
  title: string;
  goals: Goal[];
  run(bench: Bench): Promise<Series[]>;
}
