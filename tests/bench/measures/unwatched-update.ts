/** One-row updates of a column that the CRM does not care about. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bench, inTurn } from "../bench.ts";
import { insertOne, touchOne } from "../rows.ts";
import { openRecorder } from "../series.ts";
import { inSession, timedOneByOne } from "../sessions.ts";
import { median } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const PAUSE_MS = 10;
/** Until the row's own insert has been sent. */
const SETTLE_MS = 300;

async function run(bench: Bench) {
  const recorder = openRecorder();
  for (const disk of ["on", "off"]) {
    await inTurn(bench, bench.contenders, (contender) =>
      inSession(bench.server.url, async (client) => {
        const id = randomUUID();
        await client.query(insertOne(contender.table, id));
        await sleep(SETTLE_MS);
        await client.query(`set synchronous_commit = ${disk}`);
        const times = await timedOneByOne(
          client,
          bench.plan.block,
          () => touchOne(contender.table, id),
          PAUSE_MS,
        );
        const name = disk === "on" ? "one row" : "one row, without waiting for the disk";
        recorder.add({ case: name, contender: contender.name, unit: "ms" }, median(times), {
          samples: times,
        });
      }),
    );
  }
  return recorder.series();
}

export const unwatchedUpdate: Measure = {
  name: "unwatched-update",
  title: "One-row update that changes nothing watched",
  goals: [],
  run,
};
