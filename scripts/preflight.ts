/**
 * `npm run preflight -- <database url>`: what would happen if crm-sync were installed there, and the attach() calls for the
 * tables that it finds. Reads only: one transaction that may not write, no look longer than five seconds. Exit code 0: ready;
 * 1: something is in the way; 2: wrong usage.
 */
import "./terminal/plain-when-piped.ts";
import { readFileSync } from "node:fs";
import { program } from "commander";
import pg from "pg";
import pc from "picocolors";
import { EXIT, runProgram, wrongUsage } from "./ops/errors.ts";
import { plural, printJson, printTable } from "./ops/output.ts";
import { type Match, matchTables, type Table } from "./preflight/match.ts";
import { COUNT_LIMIT, type Proposal, propose, type StatusWords } from "./preflight/propose.ts";
import { normalize, STATUS_WORDS } from "./preflight/vocabulary.ts";

/** A row of platform.sql. */
type Check = {
  check: string;
  level: "ok" | "warning" | "error";
  detail: string;
  mend: string | null;
};

interface Found {
  checks: Check[];
  matches: Match[];
  routes: (Proposal & { backfill: number | null })[];
}

interface Verdict {
  isReady: boolean;
  text: string;
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

await runProgram(program);

async function preflight(databaseUrl: string, options: { json?: true }): Promise<void> {
  if (!URL.canParse(databaseUrl) || !/^postgres(ql)?:$/.test(new URL(databaseUrl).protocol)) {
    throw wrongUsage(
      "the database URL is no URL of a database",
      "postgresql://…, in quotes, and with signs such as # in its password percent-encoded.",
    );
  }
  const found = await readOnly(databaseUrl, async (client) => {
    const { rows: checks } = await client.query<Check>(sql("platform"));
    const { rows: tables } = await client.query<Table>(sql("tables"));
    const matches = matchTables(tables);
    const routes = [];
    for (const proposal of propose(matches, await statusWords(client, matches))) {
      routes.push({ ...proposal, backfill: await count(client, proposal) });
    }
    return { checks, matches, routes };
  });
  const verdict = verdictOn(found);
  if (options.json) printJson({ ...found, ...verdict });
  else print(found, verdict);
  process.exitCode = verdict.isReady ? EXIT.well : EXIT.wrong;
}

function verdictOn({ checks, matches, routes }: Found): Verdict {
  const doubtful = routes.filter(({ doubts }) => doubts.length > 0).length;
  if (checks.some(({ level }) => level === "error")) {
    return { isReady: false, text: "Not ready: see what is at error above." };
  }
  if (matches.length === 0)
    return { isReady: false, text: "Not ready: there is nothing to attach." };
  if (routes.every(({ isCommentedOut, countSql }) => isCommentedOut || countSql === null)) {
    return { isReady: false, text: "Not ready: every call is commented out, and says why." };
  }
  return {
    isReady: true,
    text: `Ready${doubtful > 0 ? `; ${plural(doubtful, "call")} to look at` : ""}.`,
  };
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

/** Undone at once, and so are its locks. Null: not allowed, or longer than five seconds. */
async function ask<R extends pg.QueryResultRow>(
  client: pg.Client,
  text: string,
): Promise<R[] | null> {
  await client.query("savepoint asked; set local statement_timeout = '5s'");
  const rows = await client.query<R>(text).then(
    (result) => result.rows,
    (error: unknown) => {
      if (error instanceof pg.DatabaseError) return null;
      throw error;
    },
  );
  await client.query("rollback to savepoint asked");
  return rows;
}

/** All words for a status that a table holds, or could; the contract's own where it holds none at all. */
async function statusWords(client: pg.Client, matches: Match[]): Promise<StatusWords> {
  const words: StatusWords = {};
  for (const [entity, wanted] of [
    ["requests", ["draft"]],
    ["payments", ["succeeded", "refunded"]],
    ["orders", ["confirmed"]],
  ] as const) {
    const match = matches.find((one) => one.entity === entity);
    const column = match?.table.columns.find(({ name }) => name === match.columns.status);
    if (!match || !column) continue;
    const values = column.labels ?? (await valuesIn(client, match, column.name));
    for (const word of wanted) {
      const known: readonly string[] = STATUS_WORDS[word];
      const held = values?.filter((value) => known.includes(normalize(value))) ?? [];
      if (values?.length === 0) words[word] = [word];
      else if (held.length > 0) words[word] = held;
    }
  }
  return words;
}

/** Of some blocks of the table, wherever they lie. */
async function valuesIn(
  client: pg.Client,
  { table }: Match,
  column: string,
): Promise<string[] | null> {
  const share = Math.min(100, 10_000_000 / Math.max(table.about_rows ?? 1, 1));
  const rows = await ask<{ value: string }>(
    client,
    `select distinct value from (
       select ${pg.escapeIdentifier(column)}::text as value from ${table.qualified} tablesample system (${share}) limit 100000
     ) as some_rows where value is not null limit 100`,
  );
  return rows?.map(({ value }) => value) ?? null;
}

async function count(client: pg.Client, { countSql }: Proposal): Promise<number | null> {
  return countSql ? ((await ask<{ count: number }>(client, countSql))?.[0]?.count ?? null) : null;
}

function print({ checks, matches, routes }: Found, verdict: Verdict): void {
  heading("The server");
  printTable({ level: "level", check: "check", detail: "detail", mend: "mend" }, checks);

  heading("The tables");
  if (matches.length === 0) {
    console.log("None looks like leads, customers, requests, payments or orders.");
  } else {
    printTable(
      { is: "entity", table: "table", rows: "rows", columns: "found", "to look at": "notes" },
      matches.map(({ entity, table, columns, doubts, questions, faults }) => ({
        entity,
        table: table.qualified,
        rows: table.about_rows === null ? "" : `~${table.about_rows}`,
        found: `${Object.values(columns).filter(Boolean).length} of ${Object.keys(columns).length}`,
        notes: [...faults, ...questions, ...doubts].join("; "),
      })),
    );
  }
  printTriggers(matches);

  heading("The routes, and what a backfill of all rows would send");
  printTable(
    { route: "route", rows: "rows", "": "state" },
    routes.map(({ route, backfill, doubts, isCommentedOut, countSql }) => ({
      route,
      rows:
        backfill === null
          ? countSql
            ? "not counted"
            : ""
          : backfill > COUNT_LIMIT
            ? `more than ${COUNT_LIMIT}`
            : String(backfill),
      state: isCommentedOut ? "commented out below" : doubts.length > 0 ? "to look at below" : "",
    })),
  );

  heading("What installing does");
  console.log(
    "Creates the schema crm_sync, four functions public.crm_sync_…, the roles crm_sync_reader and crm_sync_operator, and, once\n" +
      "started, five jobs of pg_cron. On each table attach() makes two triggers: a share row exclusive lock, which writers wait for,\n" +
      "until its transaction ends, itself asked for five times, 0.6 s each: a migration for each table is kinder than one for all. From then\n" +
      "on changes are written into the ledger; nothing is sent until start().",
  );

  heading("Calls to be looked through and kept as a migration of yours");
  console.log(routes.map(({ sql: text }) => text).join("\n\n"));
  console.log(`\n${verdict.isReady ? pc.green(verdict.text) : pc.red(verdict.text)}`);
}

function printTriggers(matches: Match[]): void {
  const triggers = matches.flatMap(({ table }) =>
    table.triggers
      .filter(({ is_ours }) => !is_ours)
      .map((trigger) => ({ table: table.qualified, ...trigger, means: meaningOf(trigger) })),
  );
  if (triggers.length === 0) return;
  heading("Triggers that are there");
  printTable({ table: "table", trigger: "name", calls: "calls", "": "means" }, triggers);
}

function meaningOf({ posts, is_off }: Table["triggers"][number]): string {
  const meaning = posts
    ? "sends by itself: one of the calls that go, docs/existing-application.md"
    : "goes on as before; what it writes is captured, too";
  return is_off ? `off; else it ${meaning}` : meaning;
}

function heading(text: string): void {
  console.log(`\n${pc.bold(text)}`);
}

function sql(name: "platform" | "tables"): string {
  return readFileSync(new URL(`./preflight/${name}.sql`, import.meta.url), "utf8");
}
