/** One-row inserts of several sessions at once, each as fast as it can: what a row costs its writer then. */
import { type Bench, inTurn } from "../bench.ts";
import { now } from "../processes/clock.ts";
import { insertOne } from "../rows.ts";
import { openRecorder } from "../series.ts";
import { inSession, timed } from "../sessions.ts";
import { percentile } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const WRITERS = [1, 4, 16];

async function run(bench: Bench) {
  const recorder = openRecorder();
  const { writersMs } = bench.plan;
  for (const writers of WRITERS) {
    await inTurn(bench, bench.contenders, async (contender) => {
      const times: number[] = [];
      const begin = now();
      await Promise.all(
        Array.from({ length: writers }, () =>
          inSession(bench.server.url, async (client) => {
            while (now() - begin < writersMs)
              times.push(await timed(() => client.query(insertOne(contender.table))));
          }),
        ),
      );
      const elapsed = now() - begin;
      recorder.add(
        {
          case: writers === 1 ? "1 writer" : `${writers} writers`,
          contender: contender.name,
          unit: "ms",
        },
        times.reduce((sum, time) => sum + time, 0) / times.length,
        {
          rows: times.length,
          rowsPerSecond: (1_000 * times.length) / elapsed,
          p95: percentile(times, 0.95),
          max: percentile(times, 1),
        },
      );
    });
  }
  return recorder.series();
}

export const concurrentWriters: Measure = {
  name: "concurrent-writers",
  title: "Concurrent writers: mean time of a one-row insert",
  goals: [],
  run,
};
