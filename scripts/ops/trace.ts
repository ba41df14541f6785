/** `trace`: the life of one row. */
import type { Command } from "commander";
import pc from "picocolors";
import { type DatabaseOptions, withDatabase } from "./database.ts";
import { EXIT } from "./errors.ts";
import { examples } from "./help.ts";
import { type OutputOptions, printJson, printTable } from "./output.ts";

type Options = DatabaseOptions & OutputOptions;

export function addTrace(program: Command): void {
  program
    .command("trace")
    .summary("what happened to one row")
    .description(
      "Shows in order of time each delivery of a row, each attempt with what came back, what an operator did to them,\n" +
        "and first how the row stands, in a few words. Changes nothing, shows no value of the row.\n" +
        "Ends with 1 when nothing of this row was ever captured.",
    )
    .argument("<table>", "with or without its schema")
    .argument("<id>", "its primary key; a JSON array where it has several columns")
    .addHelpText(
      "after",
      examples(
        ["trace requests 5f0c…", "where is this request?"],
        [`trace public.order_lines '["5f0c…", 2]'`, "a key of two columns"],
      ),
    )
    .action(async (table: string, id: string, _, command: Command) =>
      showTrace(table, id, command.optsWithGlobals<Options>()),
    );
}

async function showTrace(table: string, id: string, options: Options): Promise<void> {
  const { stands, steps } = await withDatabase(options, async (query) => {
    const [status] = await query("select crm_sync.row_status($1, $2) as stands", [table, id]);
    const steps = await query("select * from crm_sync.trace($1, $2)", [table, id]);
    return { stands: status?.stands, steps };
  });
  if (options.json) printJson({ status: stands, steps });
  else {
    console.log(`${table} ${id}: ${pc.bold(String(stands))}`);
    if (steps.length === 0) console.log("nothing of this row was ever captured");
    else {
      const columns = { at: "at", delivery: "delivery_id", route: "route", step: "step" };
      printTable({ ...columns, detail: "detail" }, steps);
    }
  }
  process.exitCode = steps.length > 0 ? EXIT.well : EXIT.wrong;
}
