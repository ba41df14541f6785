/** Many one-row inserts in one transaction, its commit included. */
import { type Bench, inTurn } from "../bench.ts";
import { insertOne } from "../rows.ts";
import { openRecorder } from "../series.ts";
import { inSession, timed } from "../sessions.ts";
import type { Measure } from "./measure.ts";

async function run(bench: Bench) {
  const recorder = openRecorder();
  const rows = bench.plan.transactionRows;
  await inTurn(bench, bench.contenders, (contender) =>
    inSession(bench.server.url, async (client) => {
      let commit = 0;
      const took = await timed(async () => {
        await client.query("begin");
        for (let count = 0; count < rows; count += 1)
          await client.query(insertOne(contender.table));
        commit = await timed(() => client.query("commit"));
      });
      const place = {
        case: `${rows} rows, per row`,
        contender: contender.name,
        unit: "ms",
      };
      recorder.add(place, took / rows, { tookMs: took, commitMs: commit });
    }),
  );
  return recorder.series();
}

export const oneTransaction: Measure = {
  name: "one-transaction",
  title: "Many one-row inserts in one transaction",
  goals: [],
  run,
};
