/** graphile-worker: a job queue in Postgres, worked off by a Node process. */
import { Logger, runMigrations } from "graphile-worker";
import { startChild } from "../processes/child.ts";
import { type Contender, PAST_ROWS, type Site } from "./contender.ts";
import { count, runFile } from "./sql.ts";

/** Found by `npm run bench -- --full --only drain` among 1, 4, 10, 24 and 50. */
export const BEST_CONCURRENCY = 24;

/** Jobs that are never due in a run. */
const FAR_OFF = "2100-01-01";

const SCHEMA = "bench_graphile_worker";
const PROCESS = new URL("../processes/graphile-worker.ts", import.meta.url);

export interface GraphileWorker extends Contender {
  /** Holds from the next start on. */
  setConcurrency(concurrency: number): void;
  concurrency(): number;
}

export async function installGraphileWorker({
  server,
  db,
  receiverUrl,
}: Site): Promise<GraphileWorker> {
  await db.query(`drop schema if exists ${SCHEMA} cascade`);
  await runMigrations({
    connectionString: server.url,
    schema: SCHEMA,
    logger: new Logger(() => () => undefined),
  });
  await runFile(db, "table.sql", { name: "graphile_worker" });
  await runFile(db, "graphile-worker.sql", { url: `${receiverUrl}/graphile-worker` });
  await db.query(`select ${SCHEMA}.add_job('post_row', run_at => $1) from generate_series(1, $2)`, [
    FAR_OFF,
    PAST_ROWS,
  ]);
  await db.query(`vacuum (analyze) ${SCHEMA}._private_jobs`);
  let concurrency = BEST_CONCURRENCY;
  const worker = await startChild(PROCESS, { url: server.url, schema: SCHEMA });
  return {
    name: "graphile-worker",
    table: "bench.graphile_worker",
    delivers: true,
    idleAfterMs: 300,
    ledger: [`${SCHEMA}._private_jobs`],
    concurrency: () => concurrency,
    setConcurrency: (chosen) => {
      concurrency = chosen;
    },
    start: async () => {
      await worker.ask("start", concurrency);
    },
    stop: async () => {
      await worker.ask("stop");
      await db.query("truncate bench.graphile_worker");
      await db.query(`delete from ${SCHEMA}._private_jobs where run_at < $1`, [FAR_OFF]);
      await db.query(`vacuum (analyze) ${SCHEMA}._private_jobs`);
    },
    waiting: () =>
      count(db, `select count(*) from ${SCHEMA}._private_jobs where run_at < '${FAR_OFF}'`),
    remove: async () => {
      await worker.stop();
      await db.query(`drop schema if exists ${SCHEMA} cascade`);
    },
  };
}
