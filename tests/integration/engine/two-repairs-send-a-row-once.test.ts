import { expect, it } from "vitest";
import { openTwoSessions } from "./two-sessions.ts";

it("the second looks when the first has ended, and finds nothing missing", async () => {
  const { first, second } = await openTwoSessions();
  await first.query(`
    alter table leads disable trigger crm_sync_capture_insert;
    insert into leads (email) values ('ada@example.test');
    alter table leads enable trigger crm_sync_capture_insert;
  `);
  await first.query("begin");
  await first.query("select crm_sync.repair_missing()");
  let isDone = false;
  const repaired = second.query("select * from crm_sync.repair_missing()").finally(() => {
    isDone = true;
  });
  const waits = "select from pg_locks where locktype = 'advisory' and not granted";
  await expect.poll(async () => isDone || (await first.query(waits)).rowCount === 1).toBe(true);
  await first.query("commit");
  expect((await repaired).rows).toEqual([]);
  const { rows } = await first.query("select route, status from crm_sync.deliveries");
  expect(rows).toEqual([{ route: "lead", status: "pending" }]);
});
