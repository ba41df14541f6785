/** Runs pgTAP files through an ordinary connection, so that no psql and no pg_prove is needed; the files run under those too. */
import { readFile } from "node:fs/promises";
import pg from "pg";
import { Parser, type Result } from "tap-parser";

export interface Assertion {
  name: string;
  ok: boolean;
  /** "skip" and "todo" count as passed, as TAP has it. */
  directive: "skip" | "todo" | null;
  /** What pgTAP said about a failure. */
  diagnostics: string[];
}

export interface FileReport {
  file: string;
  assertions: Assertion[];
  /** What is wrong with the file as a whole: an SQL error, a plan that was not kept, nothing asserted. */
  problems: string[];
  ok: boolean;
  durationMs: number;
}

/** Runs one file in a session of its own. Never throws for what the file does: that is in the report. */
export async function runTestFile(
  databaseUrl: string,
  path: string,
  file = path,
): Promise<FileReport> {
  const sql = await readFile(path, "utf8");
  const begun = Date.now();
  const { output, error } = await outputOf(databaseUrl, sql);
  const { assertions, problems } = readTap(output);
  if (error) problems.unshift(error);
  if (!isRolledBack(sql)) problems.push("must begin with begin; and end with rollback;");
  return {
    file,
    assertions,
    problems,
    ok: problems.length === 0 && assertions.every((assertion) => assertion.ok),
    durationMs: Date.now() - begun,
  };
}

/** Assertions and what breaks the protocol: a plan that is absent or not kept, a bail-out, nothing asserted. */
export function readTap(output: string): Pick<FileReport, "assertions" | "problems"> {
  const assertions: Assertion[] = [];
  const problems: string[] = [];
  const parser = new Parser();
  parser.on("assert", (result: Result) => {
    const directive = result.todo !== false ? "todo" : result.skip !== false ? "skip" : null;
    assertions.push({
      name: result.name.trim() || `(assertion ${result.id} has no name)`,
      ok: result.ok || directive !== null,
      directive,
      diagnostics: [],
    });
  });
  parser.on("comment", (comment: string) => {
    assertions.at(-1)?.diagnostics.push(comment.replace(/^#\s?/, "").trimEnd());
  });
  parser.on("bailout", (reason: string) => problems.push(`bailed out: ${reason}`));
  parser.on("complete", ({ failures }) => {
    for (const failure of failures) if (failure.tapError) problems.push(String(failure.tapError));
  });
  parser.end(`TAP version 13\n${output}\n`);
  if (assertions.length === 0) problems.push("asserts nothing");
  return { assertions, problems };
}

/** What psql would print unaligned, tuples only; up to the error if there is one. */
function outputOf(
  databaseUrl: string,
  sql: string,
): Promise<{ output: string; error: string | null }> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: "crm-sync test:db",
  });
  client.on("error", () => undefined);
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    const end = (error: string | null) => {
      const output = lines.join("\n");
      client.end().then(() => resolve({ output, error }), reject);
    };
    client.connect().then(() => {
      const config: pg.QueryArrayConfig = { text: sql, rowMode: "array" };
      const query = new pg.Query(config);
      query.on("row", (row: unknown) => {
        const values = row as unknown[];
        lines.push(values.map((value) => (value === null ? "" : String(value))).join("|"));
      });
      query.on("end", () => end(null));
      query.on("error", (error) => end(describeError(error as pg.DatabaseError, sql)));
      client.query(query);
    }, reject);
  });
}

function describeError(error: pg.DatabaseError, sql: string): string {
  const line = error.position
    ? `line ${sql.slice(0, Number(error.position)).split("\n").length}: `
    : "";
  const more = [error.detail, error.hint, error.where].filter(Boolean).join("; ");
  return `SQL error: ${line}${error.message} (${error.code})${more ? `; ${more}` : ""}`;
}

/** A file that commits would change the database for the next one. */
function isRolledBack(sql: string): boolean {
  const statements = sql.replace(/^\s*--.*$/gm, "").trim();
  return /^begin\b[^;]*;/i.test(statements) && /\brollback\s*;$/i.test(statements);
}
