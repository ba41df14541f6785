import type pg from "pg";
import { expect, it } from "vitest";
import { insertLeads, openTwoSessions, statuses, tick } from "./two-sessions.ts";

it("takes back what is free, and out of the queue what an operator holds", async () => {
  const { first: operator, second: owner } = await openTwoSessions();
  await owner.query("update crm_sync.settings set max_envelope_deliveries = 1");
  await insertLeads(owner, "ada@example.test", "bob@example.test");
  await owner.query("select crm_sync.start()");
  await tick(owner);
  const key = await keyOfFirst(owner);
  await operator.query("begin");
  await operator.query(
    "select from crm_sync.deliveries order by delivery_id limit 1 for no key update",
  );

  await owner.query("set statement_timeout = '10s'");
  const { rows } = await owner.query("select is_running from crm_sync.stop()");
  expect(rows).toEqual([{ is_running: false }]);
  expect((await owner.query("select from cron.job")).rowCount).toBe(0);
  expect((await owner.query("select from net.http_request_queue")).rowCount).toBe(0);
  expect(await statuses(owner)).toEqual(["in_flight", "pending"]);
  const { rows: log } = await owner.query(
    "select affected_count from crm_sync.operations where action = 'stop'",
  );
  expect(log).toEqual([{ affected_count: 1 }]);

  await operator.query("rollback");
  await owner.query("select crm_sync.start()");
  await tick(owner);
  expect(await statuses(owner)).toEqual(["pending", "in_flight"]);
  await tick(owner, "1 minute");
  expect(await statuses(owner)).toEqual(["in_flight", "in_flight"]);
  expect(await keyOfFirst(owner)).toEqual(key);
});

it("called again it takes back what a transaction had dispatched before, and committed since", async () => {
  const { first: writer, second: owner } = await openTwoSessions();
  await owner.query("select crm_sync.start()");
  await writer.query("begin");
  await writer.query("insert into leads (email) values ('ada@example.test')");
  await writer.query("set constraints all immediate");
  await owner.query("select crm_sync.stop()");
  await writer.query("commit");
  expect(await statuses(owner)).toEqual(["in_flight"]);

  await owner.query("select crm_sync.stop()");
  expect((await owner.query("select from net.http_request_queue")).rowCount).toBe(0);
  expect(await statuses(owner)).toEqual(["pending"]);
});

it("of two starts the second waits, and its jobs are the ones that are there", async () => {
  const { first, second } = await openTwoSessions();
  await first.query("select crm_sync.start()");
  await first.query("begin");
  await first.query("select crm_sync.start('5 seconds')");
  const started = second.query("select crm_sync.start('10 seconds')");
  await untilWaiting(first);
  await first.query("commit");
  await started;
  const { rows } = await first.query(
    "select schedule from cron.job where jobname = 'crm_sync_tick'",
  );
  expect(rows).toEqual([{ schedule: "10 seconds" }]);
});

it("of a start and a stop the second waits, and is the one that counts", async () => {
  const { first, second } = await openTwoSessions();
  await first.query("select crm_sync.start()");
  await first.query("begin");
  await first.query("select crm_sync.stop()");
  const started = second.query("select is_running from crm_sync.start()");
  await untilWaiting(first);
  await first.query("commit");
  expect((await started).rows).toEqual([{ is_running: true }]);
  const { rows } = await first.query(
    "select jobname from cron.job where jobname = 'crm_sync_tick'",
  );
  expect(rows).toEqual([{ jobname: "crm_sync_tick" }]);
});

async function keyOfFirst(client: pg.Client): Promise<unknown> {
  const { rows } = await client.query(
    "select idempotency_key from crm_sync.deliveries order by delivery_id limit 1",
  );
  return rows;
}

async function untilWaiting(client: pg.Client): Promise<void> {
  const waits = "select from pg_locks where not granted and pid <> pg_backend_pid()";
  await expect.poll(async () => (await client.query(waits)).rowCount).toBe(1);
}
