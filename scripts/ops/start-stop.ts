/** `start` and `stop`: the one switch for everything that leaves. */
import type { Command } from "commander";
import { type AskOptions, agree, YES } from "./ask.ts";
import { type DatabaseOptions, type Query, type Row, withDatabase } from "./database.ts";
import { examples } from "./help.ts";
import { type OutputOptions, plural, printJson } from "./output.ts";

interface Options extends DatabaseOptions, OutputOptions, AskOptions {
  every?: string;
}

export function addStop(program: Command): void {
  program
    .command("stop")
    .summary("nothing more leaves, for no receiver, until start")
    .description(
      "Calls crm_sync.stop(): no tick, no dispatch at commit; what still waits in pg_net is taken back. Capture goes on.\n" +
        "Asks first. Safe to repeat. Leaves a line in crm_sync.operations. For the owner of the schema.",
    )
    .option(...YES)
    .addHelpText("after", examples(["stop", "one receiver alone: pause monelec"]))
    .action(async (_, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      await withDatabase(options, async (query) => {
        await agree(options, "Stop everything, so that nothing leaves until start?");
        await query("select crm_sync.stop()");
        report(await stateOf(query), options);
      });
    });
}

export function addStart(program: Command): void {
  program
    .command("start")
    .summary("schedules the tick, and lets what waits leave")
    .description(
      "Calls crm_sync.start(): what waits leaves, also on a copy of the database, which sends nothing until then.\n" +
        "Asks first. Safe to repeat. Leaves a line in crm_sync.operations. For the owner of the schema.",
    )
    .option("--every <interval>", "of the tick: 'N seconds', or a cron expression", "2 seconds")
    .option(...YES)
    .addHelpText("after", examples(["start", "says how many leave, and asks"]))
    .action(async (_, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      await withDatabase(options, async (query) => {
        const { pending_count } = await stateOf(query);
        await agree(
          options,
          `Start, and let ${plural(Number(pending_count), "delivery", "deliveries")} leave?`,
        );
        await query("select crm_sync.start($1)", [options.every]);
        report(await stateOf(query), options);
      });
    });
}

async function stateOf(query: Query): Promise<Row> {
  const [row] = await query(
    `select is_running, count(*) filter (where status = 'pending') as pending_count,
            count(*) filter (where status = 'in_flight') as in_flight_count
     from crm_sync.settings
     left join crm_sync.delivery_log on status in ('pending', 'in_flight')
     group by is_running`,
  );
  return row ?? {};
}

function report(state: Row, options: Options): void {
  if (options.json) {
    printJson(state);
    return;
  }
  const waits = plural(Number(state.pending_count), "delivery waits", "deliveries wait");
  const flies = Number(state.in_flight_count);
  const underWay = flies > 0 ? `, ${flies} under way` : "";
  console.log(`${state.is_running ? "started" : "stopped"}; ${waits}${underWay}`);
}
