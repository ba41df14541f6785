/** Proves the proof: CRM_SYNC_OUTAGE_BREAK names a file of SQL that takes one rule out of the engine, and the tests must turn red. */
import { readFileSync } from "node:fs";
import type pg from "pg";

/** Applied to the test's own database before anything is written. */
export async function breakEngine(client: pg.ClientBase): Promise<void> {
  const file = process.env.CRM_SYNC_OUTAGE_BREAK;
  if (file) await client.query(readFileSync(file, "utf8"));
}
