/**
 * `npm run preflight -- <database url>`: what would happen if crm-sync were installed there, and the attach() calls for the
 * tables that it finds. Reads only: one transaction that may not write, with limits. Exit code 0: ready; 1: something is in
 * the way; 2: wrong usage.
 */
import "./terminal/plain-when-piped.ts";
import { readFileSync } from "node:fs";
import { program } from "commander";
import pg from "pg";
import pc from "picocolors";
import { describe, EXIT, exitCodeOf } from "./ops/errors.ts";
import { plural, printJson, printTable } from "./ops/output.ts";
import { type Match, matchTables, type Table } from "./preflight/match.ts";
import { COUNT_LIMIT, type Proposal, propose, type StatusWords } from "./preflight/propose.ts";
import { normalize, STATUS_WORDS } from "./preflight/vocabulary.ts";

interface Check {
  check: string;
  level: "ok" | "warning" | "error";
  detail: string;
  mend: string | null;
}

program
  .name("npm run preflight --")
  .description(
    "Looks at a database into which crm-sync is to be installed, and changes nothing there: what is missing, who else\n" +
      "sends from the tables, and attach() calls for them. Exit code 0: ready. 1: something is in the way. 2: wrong usage.",
  )
  .argument("<database-url>", "as its owner: postgres on Supabase")
  .option("--json", "JSON instead of tables")
  .exitOverride()
  .action(preflight);

await program.parseAsync().catch((error: unknown) => {
  const text = describe(error);
  if (text !== null) console.error(pc.red(text));
  process.exitCode = exitCodeOf(error);
});

async function preflight(databaseUrl: string, options: { json?: true }): Promise<void> {
  const found = await readOnly(databaseUrl, async (client) => {
    const { rows: checks } = await client.query<Check>(sql("platform"));
    const { rows: tables } = await client.query<Table>(sql("tables"));
    const matches = matchTables(tables);
    const proposals = propose(matches, await statusWords(client, matches));
    const routes = [];
    for (const proposal of proposals) {
      routes.push({ ...proposal, backfill: await count(client, proposal) });
    }
    return { checks, matches, routes };
  });
  const isReady = found.checks.every(({ level }) => level !== "error") && found.matches.length > 0;
  if (options.json) printJson({ ...found, isReady });
  else print(found, isReady);
  process.exitCode = isReady ? EXIT.well : EXIT.wrong;
}

/** Whatever is asked in it can not change a row, and waits for nobody. */
async function readOnly<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: "crm-sync preflight",
  });
  await client.connect();
  try {
    await client.query(
      "begin read only; set local statement_timeout = '30s'; set local lock_timeout = '1s'; set local search_path = pg_catalog",
    );
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Which of the words for a status the tables hold; the contract's own where a table holds none at all. */
async function statusWords(client: pg.Client, matches: Match[]): Promise<StatusWords> {
  const words: StatusWords = {};
  for (const [entity, wanted] of [
    ["requests", ["draft"]],
    ["payments", ["succeeded", "refunded"]],
    ["orders", ["confirmed"]],
  ] as const) {
    const match = matches.find((one) => one.entity === entity);
    const column = match?.columns.status;
    if (!match || !column) continue;
    const { rows } = await client.query<{ value: string }>(
      `select distinct value::text as value
       from (select ${pg.escapeIdentifier(column)} as value from ${match.table.qualified} limit 100000) as some_rows
       where value is not null limit 100`,
    );
    for (const word of wanted) {
      const known: readonly string[] = STATUS_WORDS[word];
      const held = rows.find(({ value }) => known.includes(normalize(value)))?.value;
      const found = rows.length === 0 ? word : held;
      if (found !== undefined) words[word] = found;
    }
  }
  return words;
}

async function count(client: pg.Client, { countSql }: Proposal): Promise<number | null> {
  if (!countSql) return null;
  const { rows } = await client.query<{ count: number }>(countSql);
  return rows[0]?.count ?? null;
}

function print(
  {
    checks,
    matches,
    routes,
  }: { checks: Check[]; matches: Match[]; routes: (Proposal & { backfill: number | null })[] },
  isReady: boolean,
): void {
  heading("The server");
  printTable({ level: "level", check: "check", detail: "detail", mend: "mend" }, checks as never);

  heading("The tables");
  if (matches.length === 0)
    console.log("None looks like leads, customers, requests, payments or orders.");
  else
    printTable(
      {
        is: "entity",
        table: "table",
        rows: "rows",
        "columns found": "found",
        "to look at": "doubts",
      },
      matches.map(({ entity, table, columns, doubts, faults }) => ({
        entity,
        table: table.qualified,
        rows: `~${table.about_rows}`,
        found: `${Object.values(columns).filter(Boolean).length} of ${Object.keys(columns).length}`,
        doubts: [...faults, ...doubts].join("; "),
      })),
    );

  const triggers = matches.flatMap(({ table }) =>
    table.triggers
      .filter(({ is_ours }) => !is_ours)
      .map((trigger) => ({
        table: table.qualified,
        ...trigger,
        means: trigger.posts
          ? "sends by itself: one of the calls that go, docs/existing-application.md"
          : "goes on as before; what it writes is captured, too",
      })),
  );
  if (triggers.length > 0) {
    heading("Triggers that are there");
    printTable({ table: "table", trigger: "name", calls: "calls", "": "means" }, triggers);
  }

  heading("The routes, and what a backfill of all rows would send");
  printTable(
    { route: "route", rows: "rows", "": "state" },
    routes.map(({ route, backfill, doubts, sql: text }) => ({
      route,
      rows:
        backfill === null
          ? ""
          : backfill > COUNT_LIMIT
            ? `more than ${COUNT_LIMIT}`
            : String(backfill),
      state: text.split("\n").every((line) => line.startsWith("--"))
        ? "commented out below"
        : doubts.length > 0
          ? "to look at below"
          : "",
    })),
  );

  heading("What installing does");
  console.log(
    "Creates the schema crm_sync, four functions public.crm_sync_…, the roles crm_sync_reader and crm_sync_operator, and, once\n" +
      "started, five jobs of pg_cron. On each table attach() makes two triggers: a share row exclusive lock for an instant, waited\n" +
      "for 3 s at most. No row is written or sent until start().",
  );

  heading("attach() calls, to be looked through and kept as a migration of yours");
  console.log(routes.map(({ sql: text }) => text).join("\n\n"));

  const doubtful = routes.filter(({ doubts }) => doubts.length > 0).length;
  const verdict = isReady
    ? pc.green(`Ready${doubtful > 0 ? `; ${plural(doubtful, "call")} to look at` : ""}.`)
    : pc.red("Not ready: see what is at error above.");
  console.log(`\n${verdict}`);
}

function heading(text: string): void {
  console.log(`\n${pc.bold(text)}`);
}

function sql(name: "platform" | "tables"): string {
  return readFileSync(new URL(`./preflight/${name}.sql`, import.meta.url), "utf8");
}
