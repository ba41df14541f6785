/** `deliveries`: the ledger, newest first. */
import { type Command, Option } from "commander";
import { type DatabaseOptions, type Row, withDatabase } from "./database.ts";
import { examples } from "./help.ts";
import { toCount } from "./numbers.ts";
import { type OutputOptions, printRows } from "./output.ts";
import { callProject } from "./project.ts";
import { rowId, tableName } from "./table-name.ts";

interface Options extends DatabaseOptions, OutputOptions {
  table?: string;
  id?: string;
  status?: string;
  before?: number;
  limit: number;
}

const STATUSES = ["pending", "in_flight", "delivered", "dead", "superseded", "cancelled"];

export function addDeliveries(program: Command): void {
  program
    .command("deliveries")
    .summary("the ledger, newest first")
    .description("Lists deliveries with their state, without a value of a row. Changes nothing.")
    .option("--table <table>", "of one table")
    .option("--id <id>", "of rows with this id")
    .addOption(new Option("--status <status>", "in one state").choices(STATUSES))
    .addOption(new Option("--before <delivery>", "those before this id").argParser(toCount))
    .addOption(new Option("--limit <n>", "at most so many").argParser(toCount).default(50))
    .addHelpText(
      "after",
      examples(
        ["deliveries --limit 10", "what left last?"],
        ["deliveries --table requests --id 5f0c…", "all of one row"],
        [
          "deliveries --status pending --project-url https://<project>.supabase.co",
          "with SUPABASE_SECRET_KEY",
        ],
      ),
    )
    .action(async (_, command: Command) => showDeliveries(command.optsWithGlobals<Options>()));
}

async function showDeliveries(options: Options): Promise<void> {
  const rows = await (options.projectUrl
    ? fromProject(options.projectUrl, options)
    : fromDatabase(options));
  const columns = {
    delivery: "delivery_id",
    captured: "captured_at",
    route: "route",
    table: "table_name",
    row: "row_id",
    status: "status",
    attempts: "attempt_count",
    next: "next_attempt_at",
    http: "last_status",
    code: "last_error_code",
    error: "last_error",
  };
  printRows(options, rows, columns, "no delivery is like that");
}

function fromProject(projectUrl: string, options: Options): Promise<Row[]> {
  return callProject(projectUrl, "crm_sync_deliveries", {
    p_table: options.table,
    p_row_id: options.id,
    p_status: options.status,
    p_before: options.before,
    p_limit: options.limit,
  });
}

function fromDatabase(options: Options): Promise<Row[]> {
  const { table = null, id = null, status = null, before = null, limit } = options;
  return withDatabase(options, (query) =>
    query(
      `select delivery_id, captured_at, route, destination, table_name, row_id, status, attempt_count,
              case when status = 'pending' then next_attempt_at end as next_attempt_at,
              last_status, last_error_code, last_error, finished_at
       from crm_sync.delivery_log
       where ($1::regclass is null or table_name = ${tableName("$1")})
         and ($2::text is null or row_id = ${rowId("$1", "$2")})
         and ($3::text is null or status = $3)
         and ($4::bigint is null or delivery_id < $4)
       order by delivery_id desc limit $5`,
      [table, id, status, before, limit],
    ),
  );
}
