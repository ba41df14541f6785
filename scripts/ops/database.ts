/** The database that a command asks: by --database-url, else DATABASE_URL, else that of the stack that runs. */
import pg from "pg";
import { findRunningDatabase } from "../local/data-dir.ts";
import { wrongUsage } from "./errors.ts";

export interface DatabaseOptions {
  databaseUrl?: string;
  dataDir?: string;
  /** Refused here: whoever gives it would not expect another database to answer. */
  projectUrl?: string;
}

export type Row = Record<string, unknown>;

/** Runs one statement. Ids come as numbers, times as Dates. */
export type Query = (sql: string, values?: unknown[]) => Promise<Row[]>;

/** What our own SQL said beside the rows. */
export type Warning = Pick<pg.DatabaseError, "code" | "message" | "hint">;

export async function withDatabase<T>(
  options: DatabaseOptions,
  work: (query: Query, warnings: Warning[]) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: databaseUrl(options),
    connectionTimeoutMillis: 10_000,
    application_name: "crm-sync ops",
    types: { getTypeParser },
  });
  const warnings: Warning[] = [];
  client.on("notice", ({ code, message = "", hint }) => {
    if (code?.startsWith("CS")) warnings.push({ code, message, hint });
  });
  await client.connect();
  try {
    return await work(async (sql, values) => (await client.query<Row>(sql, values)).rows, warnings);
  } finally {
    await client.end();
  }
}

function databaseUrl(options: DatabaseOptions): string {
  if (options.projectUrl) {
    throw wrongUsage(
      "this needs the database itself",
      "A project URL serves health, deliveries and redeliver; here give --database-url.",
    );
  }
  const given = options.databaseUrl ?? (options.dataDir ? null : process.env.DATABASE_URL || null);
  const url = given ?? findRunningDatabase(options.dataDir);
  if (url && URL.canParse(url)) return url;
  throw wrongUsage(
    url === null ? "which database?" : "the database URL is no URL",
    "--database-url postgresql://…, or DATABASE_URL, or npm start, which is found by itself.",
  );
}

/** As pg does it, but for bigint, which is text there: the ledger's ids are far below 2^53. */
const getTypeParser: typeof pg.types.getTypeParser = (id: number, format?: "text" | "binary") =>
  id === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(id, format as "text");
