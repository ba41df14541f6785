/** `status`: the routes at a glance, and what health() complains of. */
import type { Command } from "commander";
import { type DatabaseOptions, type Row, withDatabase } from "./database.ts";
import { EXIT } from "./errors.ts";
import { isBad, problemsIn, summary } from "./health.ts";
import { examples } from "./help.ts";
import { type OutputOptions, printJson, printTable } from "./output.ts";

type Options = DatabaseOptions & OutputOptions;

export function addStatus(program: Command): void {
  program
    .command("status")
    .summary("the routes at a glance: what waits, died, arrived")
    .description(
      "Shows each route: whether anything can leave for its receiver (open, stopped, paused, function down,\n" +
        "misconfigured, down), what waits, is in flight, is dead, and the last to arrive. Below: what health() complains of.\n" +
        "Changes nothing. Ends with 1 when a check of health() is at error or unknown.",
    )
    .addHelpText("after", examples(["status", "first thing in the morning"]))
    .action(async (_, command: Command) => showStatus(command.optsWithGlobals<Options>()));
}

async function showStatus(options: Options): Promise<void> {
  const { routes, checks } = await withDatabase(options, async (query) => ({
    routes: await query(
      `select route, destination, tables, state, pending_count, in_flight_count, dead_count, oldest_pending_at,
              last_captured_at, last_delivered_at, is_silent
       from crm_sync.route_health`,
    ),
    checks: await query("select * from crm_sync.health()"),
  }));
  const problems = problemsIn(checks);
  if (options.json) printJson({ routes, problems });
  else printStatus(routes, checks);
  process.exitCode = problems.some(isBad) ? EXIT.wrong : EXIT.well;
}

function printStatus(routes: Row[], checks: Row[]): void {
  const columns = {
    route: "route",
    destination: "destination",
    state: "state",
    waits: "pending_count",
    "in flight": "in_flight_count",
    dead: "dead_count",
    "waits since": "oldest_pending_at",
    "last delivered": "last_delivered_at",
  };
  printTable(columns, routes);
  console.log();
  const problems = problemsIn(checks);
  if (problems.length > 0) {
    printTable({ level: "level", check: "check_name", detail: "detail" }, problems);
  }
  const more = problems.length > 0 ? "; what mends the others: npm run ops -- health" : "";
  console.log(`${summary(checks)}${more}`);
}
