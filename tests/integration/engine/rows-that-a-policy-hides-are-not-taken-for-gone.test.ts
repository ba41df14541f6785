/** As where crm-sync is installed by a role without BYPASSRLS: on a hosted project postgres has it. */
import type pg from "pg";
import { expect, it } from "vitest";
import { withClient } from "../../../scripts/with-client.ts";
import { createTestDatabase } from "../../support/database.ts";
import { ENGINE, openSession } from "../../support/engine.ts";
import { insertLeads, statuses, tick } from "./two-sessions.ts";

it("they wait, a fault says why, and they leave once the installer sees them", async () => {
  const database = await createTestDatabase(ENGINE);
  const owner = await openSession(database);
  const bypass = (rights: string) =>
    withClient(database.superuserUrl, (admin) => admin.query(`alter role postgres ${rights}`));
  await insertLeads(owner, "ada@example.test");
  await owner.query("alter table leads force row level security");
  await bypass("nobypassrls");

  await tick(owner);
  expect(await statuses(owner)).toEqual(["pending"]);
  expect(await faults(owner)).toEqual([
    {
      sql_state: "42501",
      detail: 'query would be affected by row-level security policy for table "leads"',
    },
  ]);
  await expect(owner.query("select * from crm_sync.find_missing('leads')")).rejects.toThrow(
    "row-level security",
  );

  await bypass("bypassrls");
  await tick(owner, "2 minutes");
  expect(await statuses(owner)).toEqual(["in_flight"]);
});

async function faults(client: pg.Client): Promise<unknown> {
  const { rows } = await client.query("select sql_state, detail from crm_sync.faults");
  return rows;
}
