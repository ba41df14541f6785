/** Runs pgTAP files one after another in one session: each rolls back, and plans are made once for all. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { readTap } from "../pgtap.ts";
import { ROOT } from "../sql-files.ts";

export interface PgtapSession {
  /** What was red in the file, if anything was. */
  run(test: string, limitMs: number): Promise<string | undefined>;
  end(): Promise<void>;
}

export async function openPgtapSession(url: string): Promise<PgtapSession> {
  const client = new pg.Client({ connectionString: url, application_name: "crm-sync mutants" });
  client.on("error", () => undefined);
  await client.connect();
  return {
    run: async (test, limitMs) => {
      await client.query(`set statement_timeout = ${Math.ceil(limitMs)}`);
      const { output, error } = await outputOf(client, await readFile(join(ROOT, test), "utf8"));
      if (error) return error;
      const { assertions, problems } = readTap(output);
      return assertions.find(({ ok }) => !ok)?.name ?? problems[0];
    },
    end: () => client.end(),
  };
}

/** As psql prints it, tuples only; what came before an error does not matter. */
async function outputOf(
  client: pg.Client,
  sql: string,
): Promise<{ output: string; error?: string }> {
  try {
    // A text of several statements has several results, though its type knows of one.
    const answer: unknown = await client.query({ text: sql, rowMode: "array" });
    const results = (Array.isArray(answer) ? answer : [answer]) as pg.QueryArrayResult[];
    const lines = results.flatMap(({ rows }) => rows).map((row) => row.join("|"));
    return { output: lines.join("\n") };
  } catch (cause) {
    const { message, code } = cause as pg.DatabaseError;
    const isTimeout = code === "57014";
    return {
      output: "",
      error: isTimeout ? "time-out of a statement" : `SQL error: ${message} (${code})`,
    };
  }
}
