/** `backfill`: new deliveries from rows as they are now. */
import { type Command, Option } from "commander";
import pc from "picocolors";
import { type AskOptions, agree, withProgress, YES } from "./ask.ts";
import {
  type DatabaseOptions,
  type Query,
  type Row,
  type Warning,
  withDatabase,
} from "./database.ts";
import { EXIT, withHint, wrongUsage } from "./errors.ts";
import { examples } from "./help.ts";
import { toCount } from "./numbers.ts";
import { type OutputOptions, plural, printJson } from "./output.ts";
import { TIME_HELP, toTime } from "./time.ts";

interface Options extends DatabaseOptions, OutputOptions, AskOptions {
  since?: string;
  table?: string;
  limit: number;
  note?: string;
}

export function addBackfill(program: Command): void {
  program
    .command("backfill")
    .summary("new deliveries from rows as they are now")
    .description(
      "Captures rows as they are now, by id or by time of change, where they meet the route's condition. They never hold\n" +
        "up live ones. Each call makes new deliveries with new keys: of an event route a receiver hears a second time.\n" +
        "Where --limit leaves some, it says from which --since to go on: so none is lost or taken twice.\n" +
        "Ends with 1 when no row fired the route.",
    )
    .argument("<route>", "lead, request, …")
    .argument("[id...]", "primary keys of rows")
    .option("--since <time>", `rows changed since then: ${TIME_HELP}`)
    .option("--table <name>", "of this one alone: ids need it where several tables fire the route")
    .addOption(
      new Option("--limit <n>", "with --since: the oldest, and those of the last one's time")
        .argParser(toCount)
        .default(10_000),
    )
    .option("--note <text>", "why: kept with the call")
    .option(...YES)
    .addHelpText(
      "after",
      examples(
        ["backfill request 5f0c… 7a1d…", "two rows"],
        ["backfill lead --since '2 days ago' --yes", "all that changed"],
      ),
    )
    .action(async (route: string, ids: string[], _, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      if (ids.length > 0 === (options.since !== undefined)) {
        throw wrongUsage("backfill which rows?", "Their ids, or --since <time>.");
      }
      await withDatabase(options, (query, warnings) =>
        backfill(query, warnings, route, ids, options),
      );
    });
}

async function backfill(
  query: Query,
  warnings: Warning[],
  route: string,
  ids: string[],
  options: Options,
) {
  const { limit, note = null, table = null } = options;
  const since = options.since === undefined ? null : await toTime(query, options.since);
  const capture = () =>
    query("select delivery_id from crm_sync.backfill($1, $2, $3, $4, $5, $6::regclass)", [
      ...[route, since === null ? ids : null, since, limit, note, table],
    ]);
  if (!options.yes && (since !== null || ids.length > 1)) {
    const count = await withProgress("counting", () => countOf(capture, query));
    // Said again by the call that is not undone.
    const isCut = warnings.splice(0).some(({ code }) => code === "CS045");
    const which =
      since === null
        ? ""
        : `${isCut ? ", the oldest of more," : ""} of rows changed since ${since}`;
    await agree(
      options,
      `Capture ${plural(count, "delivery", "deliveries")}${which} for route ${route}${await warning(query, route)}?`,
    );
  }
  const captured = await withProgress(`backfilling ${route}`, capture);
  const deliveryIds = captured.map(({ delivery_id }) => delivery_id as number);
  if (options.json) printJson(deliveryIds);
  else console.log(describe(deliveryIds));
  for (const { message, hint } of warnings) {
    console.error(pc.yellow(withHint(message, hint?.replace("p_since =>", "--since"))));
  }
  process.exitCode = deliveryIds.length > 0 ? EXIT.well : EXIT.wrong;
}

/** How many it would be: done, and undone. */
async function countOf(capture: () => Promise<Row[]>, query: Query): Promise<number> {
  await query("begin");
  try {
    return (await capture()).length;
  } finally {
    await query("rollback");
  }
}

async function warning(query: Query, route: string): Promise<string> {
  const [row] = await query("select kind from crm_sync.routes where route = $1", [route]);
  return row?.kind === "event" ? ", an event that its receiver may have heard of already" : "";
}

function describe(ids: number[]): string {
  if (ids.length === 0) return "no row fired the route";
  const [first, last] = [ids[0], ids.at(-1)];
  const which = ids.length === 1 ? `${first}` : `${first} to ${last}`;
  return `captured ${plural(ids.length, "delivery", "deliveries")}: ${which}`;
}
