/** Two sessions of an engine that is set up and running, for what needs two and so can not stand among the pgTAP files. */
import type pg from "pg";
import { createTestDatabase } from "../../support/database.ts";
import { ENGINE, openSession } from "../../support/engine.ts";

export interface TwoSessions {
  first: pg.Client;
  second: pg.Client;
}

/** In a database of their own. */
export async function openTwoSessions(): Promise<TwoSessions> {
  const database = await createTestDatabase(ENGINE);
  return { first: await openSession(database), second: await openSession(database) };
}

/** The steps that the tick took; each of them must have been done, none noted as a fault. */
export async function tick(client: pg.Client, later = "0 seconds"): Promise<string[]> {
  const { rows } = await client.query<{ step: string; affected: number | null }>(
    "select step, affected from crm_sync.tick(clock_timestamp() + $1::interval)",
    [later],
  );
  const failed = rows.filter(({ affected }) => affected === null);
  if (failed.length > 0) {
    const faults = await client.query("select place, detail from crm_sync.faults");
    throw new Error(`a step failed: ${JSON.stringify(faults.rows)}`);
  }
  return rows.map(({ step }) => step);
}

/** Leads that no commit dispatches: they wait for the tick. */
export async function insertLeads(client: pg.Client, ...emails: string[]): Promise<void> {
  await client.query("update crm_sync.settings set is_running = false");
  for (const email of emails) await client.query("insert into leads (email) values ($1)", [email]);
  await client.query("update crm_sync.settings set is_running = true");
}

/** Of all deliveries, in the order of their capture. */
export async function statuses(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ status: string }>(
    "select status from crm_sync.deliveries order by delivery_id",
  );
  return rows.map(({ status }) => status);
}
