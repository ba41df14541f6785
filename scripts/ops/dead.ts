/** `dead`: what waits for a person. */
import { type Command, Option } from "commander";
import { type DatabaseOptions, withDatabase } from "./database.ts";
import { EXIT } from "./errors.ts";
import { examples } from "./help.ts";
import { toCount } from "./numbers.ts";
import { type OutputOptions, printRows } from "./output.ts";
import { requireRoute } from "./routes.ts";

interface Options extends DatabaseOptions, OutputOptions {
  route?: string;
  limit: number;
}

export function addDead(program: Command): void {
  program
    .command("dead")
    .summary("what waits for a person, and what mends each")
    .description(
      "Lists dead deliveries, newest first, with what came back and what mends each. Changes nothing.\n" +
        "Ends with 1 when there are any.",
    )
    .option("--route <route>", "of one route")
    .addOption(new Option("--limit <n>", "at most so many").argParser(toCount).default(50))
    .addHelpText(
      "after",
      examples(
        ["dead", "what has to be mended?"],
        ["dead --route lead --json", "for a script"],
        ["redeliver 4711", "once it is mended"],
      ),
    )
    .action(async (_, command: Command) => showDead(command.optsWithGlobals<Options>()));
}

async function showDead(options: Options): Promise<void> {
  const rows = await withDatabase(options, async (query) => {
    await requireRoute(query, options.route);
    return query(
      `select * from crm_sync.dead_letters
       where $1::text is null or route = $1
       order by dead_at desc, delivery_id desc limit $2`,
      [options.route ?? null, options.limit],
    );
  });
  const columns = {
    delivery: "delivery_id",
    "dead since": "dead_at",
    route: "route",
    table: "table_name",
    row: "row_id",
    http: "last_status",
    code: "last_error_code",
    error: "last_error",
    mend: "mend",
  };
  printRows(options, rows, columns, "nothing is dead");
  process.exitCode = rows.length > 0 ? EXIT.wrong : EXIT.well;
}
