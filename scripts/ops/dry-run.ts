/** `dry-run`: what would be sent for a row as it is now, by the function that is deployed. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import { withProgress } from "./ask.ts";
import { type DatabaseOptions, type Query, type Row, withDatabase } from "./database.ts";
import { EXIT, OpsError } from "./errors.ts";
import { examples } from "./help.ts";
import { toCount } from "./numbers.ts";
import { type OutputOptions, printJson } from "./output.ts";

interface Options extends DatabaseOptions, OutputOptions {
  within: number;
  note?: string;
  whole?: true;
}

export function addDryRun(program: Command): void {
  program
    .command("dry-run")
    .summary("what would be sent for a row, sent to nobody")
    .description(
      "Asks the deployed function what it would send for a row as it is now, for each route that it fires. No receiver is\n" +
        "called and nothing stays in the ledger. Values come back masked: letters as x, digits as 0; with --whole in clear:\n" +
        "then the function is called from here, so that no table keeps the answer, and the database's owner must ask.\n" +
        "Ends with 1 when something would not be sent, or no answer comes.",
    )
    .argument("<table>", "with or without its schema")
    .argument("<id>", "its primary key; a JSON array where it has several columns")
    .addOption(
      new Option("--within <seconds>", "how long to wait for the answer")
        .argParser(toCount)
        .default(30),
    )
    .option("--whole", "the values, too: personal data, on your screen")
    .option("--note <text>", "why: kept with the call")
    .addHelpText("after", examples(["dry-run leads 5f0c…", "what would the CRM get?"]))
    .action(async (table: string, id: string, _, command: Command) =>
      dryRun(table, id, command.optsWithGlobals<Options>()),
    );
}

async function dryRun(table: string, id: string, options: Options): Promise<void> {
  const results = await (options.whole ? askWhole : askMasked)(table, id, options);
  if (options.json) printJson(results);
  else for (const result of results) console.log(describe(result));
  process.exitCode = results.every(({ would }) => would === "send") ? EXIT.well : EXIT.wrong;
}

function askMasked(table: string, id: string, options: Options): Promise<Row[]> {
  return withDatabase(options, async (query) => {
    const [asked] = await query("select dry_run_id from crm_sync.dry_run($1, $2, $3)", [
      ...[table, id, options.note ?? null],
    ]);
    return withProgress("the function is asked", () =>
      answerTo(query, String(asked?.dry_run_id), options.within),
    );
  });
}

async function askWhole(table: string, id: string, options: Options): Promise<Row[]> {
  const [request] = await withDatabase(options, (query) =>
    query("select * from crm_sync.dry_run_request($1, $2, $3)", [table, id, options.note ?? null]),
  );
  const { url, headers, body } = request as {
    url: string;
    headers: Record<string, string>;
    body: string;
  };
  const answer = await withProgress("the function is asked", () =>
    fetch(url, {
      method: "POST",
      headers,
      body,
      signal: AbortSignal.timeout(options.within * 1_000),
    }),
  ).catch((error: Error) => {
    const why =
      error.name === "TimeoutError" ? `no answer within ${options.within} s` : "not reached";
    throw new OpsError(`the function: ${why}`, "Can this machine reach it? Else without --whole.");
  });
  const { results } = (await answer.json().catch(() => ({}))) as { results?: Row[] };
  if (results?.every((result) => "would" in result)) return results;
  throw new OpsError(
    `the function answered ${answer.status}, which is no dry run`,
    "Is the newest one deployed? supabase functions deploy crm-sync; then npm run ops -- health.",
  );
}

async function answerTo(query: Query, dryRunId: string, seconds: number): Promise<Row[]> {
  for (const limit = Date.now() + seconds * 1_000; Date.now() < limit; await sleep(300)) {
    const results = await query("select * from crm_sync.dry_run_result($1)", [dryRunId]);
    if (results[0]?.would !== "wait") return results;
  }
  throw new OpsError(
    `no answer within ${seconds} s`,
    `It may still come: select * from crm_sync.dry_run_result('${dryRunId}'); or look at health.`,
  );
}

function describe({ route, would, destination, path, payload, error_code, error }: Row): string {
  const where = destination ? ` → ${destination}${path ?? ""}` : "";
  const reason = [error_code, error].filter(Boolean).join(": ");
  const lines = [`${route ?? "dry run"}${where}: would ${would}${reason ? `, ${reason}` : ""}`];
  if (payload) lines.push(JSON.stringify(payload, null, 2));
  return lines.join("\n");
}
