/**
 * `npm run chaos`: random schedules of writes, faults, answers and operators against the real engine, for as long as you like.
 * Exit code 1 and the schedule, with its seed, if one broke a promise.
 */
import { program } from "commander";
import { runSchedules, type ScheduleReport } from "../tests/chaos/model/schedules.ts";
import { installWorld } from "../tests/chaos/world/install.ts";
import { formatTable } from "./terminal/table.ts";
import { withThrowawayServer } from "./throwaway.ts";

const BATCH = 100;

const options = program
  .description("Runs random schedules against the engine and looks whether its promises hold.")
  .option("--minutes <n>", "how long", Number, 10)
  .option("--schedules <n>", "how many, instead of how long", Number)
  .option(
    "--seed <n>",
    "first seed; the same seed draws the same schedules",
    Number,
    Date.now() % 1_000_000_000,
  )
  .option("--path <path>", "only this one of the seed's, as a failure names it")
  .option("--shrink", "look for a shorter schedule that breaks, too")
  .parse()
  .opts();

await withThrowawayServer(async (server) => {
  const names = ["chaos_1", "chaos_2"];
  const databases = [];
  for (const name of names) {
    const database = await server.createDatabase(name);
    await installWorld(database);
    databases.push(database);
  }
  const end = Date.now() + options.minutes * 60_000;
  let ran = 0;
  let report: ScheduleReport;
  const strikes = new Map<string, number>();
  do {
    report = await runSchedules({
      databases,
      schedules: options.schedules ?? BATCH,
      seed: options.seed + ran,
      path: options.path,
      shrinks: options.shrink,
    });
    ran += report.ran;
    for (const [name, times] of report.strikes) strikes.set(name, (strikes.get(name) ?? 0) + times);
  } while (!report.failure && !options.path && !options.schedules && Date.now() < end);
  const rows = [...strikes].sort().map(([name, times]) => [name, String(times)]);
  console.log(formatTable(["what struck", "times"], rows));
  console.log(
    `seed ${options.seed}: ${ran} schedules, ${report.failure ? "a promise was broken" : "every promise kept"}`,
  );
  if (report.failure) {
    console.log(`npm run chaos -- ${report.failure}`);
    process.exitCode = 1;
  }
});
