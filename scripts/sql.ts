/** `npm run sql -- "select …"`: runs SQL on the running local stack, or on DATABASE_URL. */
import { readFileSync } from "node:fs";
import { program } from "commander";
import pg from "pg";
import pc from "picocolors";
import { findRunningDatabase } from "./local/data-dir.ts";
import { formatTable } from "./terminal/table.ts";

interface Options {
  json?: true;
  dataDir?: string;
}

/** The server to ask. Throws when there is none. */
function findDatabase({ dataDir }: Options): string {
  if (process.env.DATABASE_URL && !dataDir) return process.env.DATABASE_URL;
  const url = findRunningDatabase(dataDir);
  if (url === null) throw new Error("nothing is running: npm start first, or set DATABASE_URL");
  return url;
}

function print(result: pg.QueryResult, options: Options): void {
  const { fields, rows, command, rowCount } = result;
  if (options.json) {
    console.log(JSON.stringify(fields.length > 0 ? rows.map(toObject) : { command, rowCount }));
    return;
  }
  if (fields.length === 0) {
    console.log([command, rowCount].filter((part) => part !== null).join(" "));
    return;
  }
  const names = fields.map(({ name }) => name);
  console.log(
    formatTable(
      names,
      (rows as unknown[][]).map((row) => row.map(toCell)),
    ),
  );
  console.log(pc.dim(`(${rows.length} ${rows.length === 1 ? "row" : "rows"})`));

  function toObject(row: unknown[]) {
    return Object.fromEntries(fields.map(({ name }, index) => [name, row[index]]));
  }
}

function toCell(value: unknown): string {
  if (value === null) return pc.dim("null");
  if (value instanceof Date) return value.toISOString();
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The message, the place in the text, and what Postgres or we advise. */
function describe(error: unknown, sql: string): string {
  if (!(error instanceof pg.DatabaseError)) return (error as Error).message;
  const { code, message, detail, hint, where, position } = error;
  const lines = [`${message} (${code})`];
  if (position) {
    const before = sql.slice(0, Number(position) - 1);
    const number = before.split("\n").length;
    lines.push(`  ${sql.split("\n")[number - 1] ?? ""}`);
    lines.push(`  ${" ".repeat(before.length - before.lastIndexOf("\n") - 1)}^`);
  }
  if (detail) lines.push(`detail: ${detail}`);
  if (hint) lines.push(`hint: ${hint}`);
  if (where && !position) lines.push(`where: ${where.split("\n")[0]}`);
  return lines.join("\n");
}

async function main(): Promise<void> {
  const command = program
    .name("npm run sql --")
    .description("Runs SQL on the running local stack (npm start), or on DATABASE_URL.")
    .argument("[sql...]", "one statement or several; without it, standard input")
    .option("--json", "one line of JSON for each statement")
    .option("--data-dir <path>", "of the stack to ask; default: .crm-sync in the repository")
    .parse();
  const sql = command.args.join(" ") || (process.stdin.isTTY ? "" : readFileSync(0, "utf8"));
  if (!sql.trim()) command.help({ error: true });

  const client = new pg.Client({
    connectionString: findDatabase(command.opts()),
    connectionTimeoutMillis: 5_000,
  });
  client.on("notice", ({ message }) => console.error(pc.dim(message ?? "")));
  await client.connect();
  try {
    const result = await client.query({ text: sql, rowMode: "array" });
    for (const part of [result].flat()) print(part, command.opts());
  } catch (error) {
    console.error(pc.red(describe(error, sql)));
    process.exitCode = 1;
  } finally {
    await client.end();
  }
}

await main().catch((error: Error & { code?: string }) => {
  console.error(pc.red(error.message || `the database does not answer (${error.code})`));
  process.exitCode = 1;
});
