import { expect, it } from "vitest";
import { openTwoSessions, statuses } from "./two-sessions.ts";

it("redeliver() judges a dead letter as it is once nobody else holds it", async () => {
  const { first, second } = await openTwoSessions();
  await first.query("update crm_sync.settings set is_running = false");
  await first.query("insert into leads (email) values ('ada@example.test')");
  await first.query("update crm_sync.deliveries set status = 'dead', finished_at = now()");
  await first.query("update leads set email = 'eve@example.test'");
  await first.query(
    "update crm_sync.deliveries set status = 'delivered', finished_at = now() where status = 'pending'",
  );
  await first.query("begin");
  // As settle does it for what was delivered just now.
  await first.query(
    "select crm_sync._after_settle(array(select max(delivery_id) from crm_sync.deliveries), now())",
  );
  const redelivered = second.query(
    "select redelivered, reason from crm_sync.redeliver(array(select min(delivery_id) from crm_sync.deliveries))",
  );
  const waits = "select from pg_locks where not granted and pid <> pg_backend_pid()";
  await expect.poll(async () => (await first.query(waits)).rowCount).toBe(1);
  await first.query("commit");
  const { rows } = await first.query("select max(delivery_id) as newer from crm_sync.deliveries");
  expect((await redelivered).rows).toEqual([
    { redelivered: false, reason: `superseded by delivery ${rows[0].newer}` },
  ]);
  expect(await statuses(first)).toEqual(["superseded", "delivered"]);
});
