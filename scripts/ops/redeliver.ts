/** `redeliver`: more attempts of the same deliveries, under their old keys. */
import { Argument, type Command } from "commander";
import { type AskOptions, agree, withProgress, YES } from "./ask.ts";
import { type DatabaseOptions, type Query, type Row, withDatabase } from "./database.ts";
import { EXIT, wrongUsage } from "./errors.ts";
import { examples } from "./help.ts";
import { addCount } from "./numbers.ts";
import { type OutputOptions, plural, printJson, printRows, printTable } from "./output.ts";
import { callProject } from "./project.ts";
import { rowId, tableName } from "./table-name.ts";
import { TIME_HELP, toTime } from "./time.ts";

interface Options extends DatabaseOptions, OutputOptions, AskOptions {
  table?: string;
  id?: string;
  dead?: true;
  route?: string;
  since?: string;
  until?: string;
  force?: true;
  note?: string;
}

export function addRedeliver(program: Command): void {
  program
    .command("redeliver")
    .summary("send deliveries again: by id, by row, or what is dead")
    .description(
      "Gives deliveries all their attempts again, under their old idempotency key. What a receiver has seen keeps its\n" +
        "record; an older state behind a newer one is refused unless forced. Leaves a line in crm_sync.operations.\n" +
        "Ends with 1 when one was refused.",
    )
    .addArgument(new Argument("[delivery...]", "ids of deliveries").argParser(addCount))
    .option("--table <table>", "with --id: of that row the newest of each route")
    .option("--id <id>", "the row's primary key")
    .option("--dead", "what is dead; counts first, and asks")
    .option("--route <route>", "with --dead: of one route")
    .option("--since <time>", `with --dead: dead since then: ${TIME_HELP}`)
    .option("--until <time>", "with --dead: dead before then")
    .option("--force", "also what is delivered already, or would undo a newer state")
    .option("--note <text>", "why: kept with the call")
    .option(...YES)
    .addHelpText(
      "after",
      examples(
        ["redeliver 4711", "one, once it is mended"],
        ["redeliver --table requests --id 5f0c…", "what was last captured of a row"],
        ["redeliver --dead --route lead --since yesterday", "counts, asks, sends"],
        ["redeliver --dead --yes --note 'monelec mended theirs'", "for a script"],
        ["redeliver 4711 --project-url https://<project>.supabase.co", "with SUPABASE_SECRET_KEY"],
      ),
    )
    .action(async (ids: number[], _, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      requireOneWay(ids, options);
      if (options.projectUrl) await onProject(options.projectUrl, ids, options);
      else await withDatabase(options, (query) => onDatabase(query, ids, options));
    });
}

function requireOneWay(ids: number[], { table, id, dead, force, ...options }: Options): void {
  const ways = [ids.length > 0, table !== undefined || id !== undefined, dead === true];
  if (ways.filter(Boolean).length !== 1 || (table === undefined) !== (id === undefined)) {
    throw wrongUsage("redeliver what?", "Ids of deliveries, or --table and --id, or --dead.");
  }
  if (!dead && (options.route ?? options.since ?? options.until) !== undefined) {
    throw wrongUsage("--route, --since and --until choose among what is dead", "Add --dead.");
  }
  if (dead && force) throw wrongUsage("--force does not go with --dead", "Name the deliveries.");
  if (options.projectUrl && (dead || force)) {
    throw wrongUsage("--dead and --force need the database itself", "Give --database-url.");
  }
}

async function onProject(projectUrl: string, ids: number[], options: Options): Promise<void> {
  if (ids.length > 1)
    await agree(options, `Redeliver ${plural(ids.length, "delivery", DELIVERIES)}?`);
  const rows = await callProject(projectUrl, "crm_sync_redeliver", {
    ...(options.table ? { p_table: options.table, p_row_id: options.id } : { p_delivery_ids: ids }),
    p_note: options.note,
  });
  report(rows, options);
}

async function onDatabase(query: Query, ids: number[], options: Options): Promise<void> {
  if (options.dead) return redeliverDead(query, options);
  const chosen = options.table ? await newestOfRow(query, options) : ids;
  if (chosen.length > 1) {
    await agree(options, `Redeliver ${plural(chosen.length, "delivery", DELIVERIES)}?`);
  }
  const rows = await query("select * from crm_sync.redeliver($1::bigint[], $2, $3)", [
    chosen,
    options.force ?? false,
    options.note ?? null,
  ]);
  report(rows, options);
}

const DELIVERIES = "deliveries";

/** Of each route the newest, as public.crm_sync_redeliver() has it: what is older has been told, or is no longer true. */
async function newestOfRow(query: Query, { table, id }: Options): Promise<number[]> {
  const rows = await query(
    `select max(delivery_id) as delivery_id
     from crm_sync.delivery_log
     where row_id = ${rowId("$1", "$2")} and table_name = ${tableName("$1")}
     group by route`,
    [table, id],
  );
  return rows.map(({ delivery_id }) => delivery_id as number);
}

function report(rows: Row[], options: Options): void {
  const columns = { delivery: "delivery_id", redelivered: "redelivered", reason: "reason" };
  printRows(options, rows, columns, "nothing was captured of this row");
  const isWell = rows.length > 0 && rows.every(({ redelivered }) => redelivered);
  process.exitCode = isWell ? EXIT.well : EXIT.wrong;
}

async function redeliverDead(query: Query, options: Options): Promise<void> {
  const { route = null, note = null } = options;
  const since = await toTime(query, options.since ?? "-infinity");
  const until = await toTime(query, options.until ?? "infinity");
  const call = (countOnly: boolean) =>
    query("select * from crm_sync.redeliver_dead($1, $2, $3, $4, $5)", [
      ...[route, since, until, countOnly, note],
    ]);
  const found = await call(true);
  const count = total(found, "dead_count");
  if (count > 1) {
    const kinds = found.map((row) => `${row.route} ${row.last_error_code}: ${row.dead_count}`);
    await agree(
      options,
      `Redeliver ${plural(count, "dead delivery", "dead deliveries")} (${kinds.join(", ")})?`,
    );
  }
  const rows = await withProgress(`redelivering ${count}`, () => call(false));
  if (options.json) printJson(rows);
  else if (count === 0) console.log("nothing is dead");
  else {
    const columns = { route: "route", code: "last_error_code", dead: "dead_count" };
    printTable({ ...columns, redelivered: "redelivered_count" }, rows);
  }
  const isWell = total(rows, "redelivered_count") === total(rows, "dead_count");
  process.exitCode = isWell ? EXIT.well : EXIT.wrong;
}

function total(rows: Row[], field: string): number {
  return rows.reduce((sum, row) => sum + Number(row[field]), 0);
}
