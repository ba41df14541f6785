/** Proves a proof: a file of SQL takes one rule out of the engine, and the tests must turn red. */
import { readFileSync } from "node:fs";
import type pg from "pg";

/** Runs the file that the variable names, if it names one, in the test's own database, before anything is written. */
export async function breakEngine(
  client: Pick<pg.ClientBase, "query">,
  variable: `CRM_SYNC_${string}_BREAK`,
): Promise<void> {
  const file = process.env[variable];
  if (file) await client.query(readFileSync(file, "utf8"));
}
