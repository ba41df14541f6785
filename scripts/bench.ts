/**
 * `npm run bench`: what crm-sync costs and how fast it is, beside what people would use instead, in one run on one server.
 * On a Postgres of our own with the stand-ins, or on CRM_SYNC_TEST_DATABASE_URL with the real pg_net and pg_cron.
 * A goal that is not met is shown and fails nothing (tests/bench/METHODOLOGY.md).
 */
import { InvalidArgumentError, Option, program } from "commander";
import pc from "picocolors";
import { startBench } from "../tests/bench/bench.ts";
import { CONTENDERS, type ContenderName } from "../tests/bench/contenders/contender.ts";
import { MEASURES } from "../tests/bench/measures/index.ts";
import { FULL, SHORT } from "../tests/bench/plan.ts";
import { seriesTable, verdictTable } from "../tests/bench/report.ts";
import { describeRun, type MeasureResult, writeResult } from "../tests/bench/results.ts";
import { nameOf } from "../tests/bench/servers/server.ts";
import { judge } from "../tests/bench/verdicts.ts";
import { stopSignal } from "./terminal/stop-signal.ts";

interface Options {
  full?: true;
  only?: string[];
  contender?: ContenderName[];
  rounds?: number;
}

function toCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new InvalidArgumentError("a whole number above 0");
}

const options = program
  .name("npm run bench --")
  .description(
    "Measures crm-sync beside the same table without trigger, a Database Webhook and graphile-worker. " +
      "Writes tests/bench/results/. With CRM_SYNC_TEST_DATABASE_URL: on that server with its own pg_net and pg_cron.",
  )
  .option("--full", "every rate, the whole drains, the large ledgers: what the documents cite")
  .addOption(
    new Option("--only <measure...>", "some measures").choices(MEASURES.map(({ name }) => name)),
  )
  .addOption(new Option("--contender <name...>", "some contenders").choices(CONTENDERS))
  .option("--rounds <n>", "default: 3", toCount)
  .parse()
  .opts<Options>();

const form = options.full ? "full" : "short";
const plan = { ...(options.full ? FULL : SHORT) };
if (options.rounds) plan.rounds = options.rounds;
const signal = stopSignal();
const bench = await startBench({
  plan,
  givenUrl: process.env.CRM_SYNC_TEST_DATABASE_URL ?? null,
  chosen: options.contender ?? [...CONTENDERS],
  signal,
  say: (line) => console.log(pc.dim(line)),
});
try {
  const run = describeRun(form, bench.facts, plan);
  const { machine, commit } = run;
  const where = `${nameOf(bench.facts)}, ${machine.cores} × ${machine.cpu}, ${run.date.slice(0, 10)}, commit ${commit}${run.isChanged ? " and changes" : ""}`;
  const measures: MeasureResult[] = [];
  for (const measure of MEASURES.filter(({ name }) => options.only?.includes(name) ?? true)) {
    const begin = Date.now();
    const series = await measure.run(bench);
    if (series.length === 0) continue;
    const verdicts = judge(series, measure.goals);
    measures.push({ measure: measure.name, title: measure.title, series, verdicts });
    const seconds = ((Date.now() - begin) / 1_000).toFixed(0);
    console.log(`\n${pc.bold(measure.title)} ${pc.dim(`(${where}; took ${seconds} s)`)}`);
    console.log(seriesTable(series));
  }
  const verdicts = measures.flatMap((measure) => measure.verdicts);
  if (verdicts.length > 0) {
    console.log(`\n${pc.bold("Goals")} ${pc.dim(`(${where})`)}\n${verdictTable(verdicts)}`);
  }
  const isPartial = Boolean(options.only ?? options.contender ?? options.rounds);
  console.log(
    `\n${writeResult({ ...run, graphileWorkerConcurrency: bench.graphileWorker.concurrency(), measures }, isPartial)}`,
  );
} catch (error) {
  if (!signal.aborted) throw error;
  console.log("stopped");
  process.exitCode = 130;
} finally {
  await bench.stop();
}
