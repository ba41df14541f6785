/** `cancel`: deliveries that shall never leave. */
import { Argument, type Command } from "commander";
import { type AskOptions, agree, YES } from "./ask.ts";
import { type DatabaseOptions, withDatabase } from "./database.ts";
import { EXIT } from "./errors.ts";
import { examples } from "./help.ts";
import { addCount } from "./numbers.ts";
import { type OutputOptions, plural, printRows } from "./output.ts";

interface Options extends DatabaseOptions, OutputOptions, AskOptions {
  note?: string;
}

export function addCancel(program: Command): void {
  program
    .command("cancel")
    .summary("give deliveries up for good: what waits, or is dead")
    .description(
      "Takes deliveries out for good while they wait or are dead; the next of their keys go on. One that is in flight is\n" +
        "not stopped. Safe to repeat. Leaves a line in crm_sync.operations. Ends with 1 when one was refused.",
    )
    .addArgument(new Argument("<delivery...>", "ids of deliveries").argParser(addCount))
    .option("--note <text>", "why: kept with the call")
    .option(...YES)
    .addHelpText(
      "after",
      examples(
        ["cancel 4711 --note 'entered by mistake'", "one"],
        ["cancel 4711 4712 --yes", "for a script"],
      ),
    )
    .action(async (ids: number[], _, command: Command) =>
      cancel(ids, command.optsWithGlobals<Options>()),
    );
}

async function cancel(ids: number[], options: Options): Promise<void> {
  await withDatabase(options, async (query) => {
    if (ids.length > 1) {
      await agree(options, `Cancel ${plural(ids.length, "delivery", "deliveries")} for good?`);
    }
    const rows = await query("select * from crm_sync.cancel($1, $2)", [ids, options.note ?? null]);
    const columns = { delivery: "delivery_id", cancelled: "cancelled", reason: "reason" };
    printRows(options, rows, columns, "no such delivery");
    process.exitCode = rows.every(({ cancelled }) => cancelled) ? EXIT.well : EXIT.wrong;
  });
}
