/** Statements of 1,000 rows: an insert, and an update of a column that is watched. */
import { type Bench, inTurn } from "../bench.ts";
import { insertMany, newIds, updateAll } from "../rows.ts";
import { openRecorder } from "../series.ts";
import { inSession, timedOneByOne } from "../sessions.ts";
import { median } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const ROWS = 1_000;
const INSERT = `insert of ${ROWS} rows`;
const UPDATE = `update of ${ROWS} rows`;

async function run(bench: Bench) {
  const recorder = openRecorder();
  const { bulkStatements } = bench.plan;
  await inTurn(bench, bench.contenders, (contender) =>
    inSession(bench.server.url, async (client) => {
      const times = await timedOneByOne(client, bulkStatements, () =>
        insertMany(contender.table, newIds(ROWS)),
      );
      recorder.add({ case: INSERT, contender: contender.name, unit: "ms" }, median(times), {
        samples: times,
      });
    }),
  );
  await inTurn(bench, bench.contenders, (contender) =>
    inSession(bench.server.url, async (client) => {
      await client.query(insertMany(contender.table, newIds(ROWS)));
      let count = 0;
      const times = await timedOneByOne(client, bulkStatements, () => {
        count += 1;
        return updateAll(contender.table, `source ${count}`);
      });
      recorder.add({ case: UPDATE, contender: contender.name, unit: "ms" }, median(times), {
        samples: times,
      });
    }),
  );
  return recorder.series();
}

export const bulk: Measure = {
  name: "bulk",
  title: "Statements of 1,000 rows",
  goals: [
    {
      case: INSERT,
      to: "plain",
      by: "ratio",
      atMost: 6,
      text: "1,000-row insert against the same without trigger",
    },
  ],
  run,
};
