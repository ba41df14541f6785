/** Prints a run for people, and for docs/proof/isolation.md. */
import { availableParallelism } from "node:os";
import { formatTable } from "../../../scripts/terminal/table.ts";
import { PHASES, type Phase } from "./phases.ts";
import type { Outcome } from "./run.ts";

export function print(outcome: Outcome, version: string): void {
  const rows = (Object.keys(PHASES) as Phase[]).flatMap((phase) => {
    const figures = outcome.table[phase];
    if (!figures) return [];
    const { count, ...times } = figures;
    return [[PHASES[phase], String(count), ...Object.values(times).map((ms) => ms.toFixed(0))]];
  });
  const { openedAfterMs, probes, orders, ordersArrived } = outcome;
  const batches = outcome.slowBatches.map(({ startedAt, tookMs, monelec, elementor }) =>
    [(startedAt - outcome.hangsFrom) / 1_000, tookMs / 1_000]
      .map((seconds) => seconds.toFixed(1))
      .concat(String(elementor), String(monelec)),
  );
  console.log(
    [
      `\nmonelec, commit to receipt in ms, while Elementor hangs (${version}; ${availableParallelism()} cores)`,
      formatTable(["phase", "leads", "p50", "p95", "max"], rows),
      openedAfterMs === null
        ? "Elementor's breaker never opened"
        : `Elementor's breaker opened ${(openedAfterMs / 1_000).toFixed(1)} s after its first call hung; ${probes} probes`,
      `${orders} orders written${ordersArrived === null ? "" : `, ${ordersArrived} arrived`}`,
      "\nBatches of pg_net that took longer than a pause, in seconds since Elementor hangs, and the requests in them",
      formatTable(["began", "to the next", "to elementor", "to monelec"], batches),
    ].join("\n"),
  );
}
