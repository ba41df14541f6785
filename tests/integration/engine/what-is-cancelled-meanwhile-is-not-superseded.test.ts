import { expect, it } from "vitest";
import { openTwoSessions, statuses } from "./two-sessions.ts";

it("an operator's cancel that ends while a newer state is settled stands", async () => {
  const { first, second } = await openTwoSessions();
  await first.query("update crm_sync.settings set is_running = false");
  await first.query("insert into leads (email) values ('ada@example.test')");
  await first.query("update crm_sync.deliveries set status = 'dead', finished_at = now()");
  await first.query("update leads set email = 'eve@example.test'");
  await first.query(
    "update crm_sync.deliveries set status = 'delivered', finished_at = now() where status = 'pending'",
  );
  await first.query("begin");
  await first.query(
    "select crm_sync.cancel(array(select min(delivery_id) from crm_sync.deliveries))",
  );
  // As settle does it for what was delivered just now. It waits for the row.
  const settled = second.query(
    "select crm_sync._after_settle(array(select max(delivery_id) from crm_sync.deliveries), now())",
  );
  await expect
    .poll(async () => {
      const { rows } = await first.query(
        "select from pg_locks where not granted and pid <> pg_backend_pid()",
      );
      return rows.length;
    })
    .toBe(1);
  await first.query("commit");
  await settled;
  expect(await statuses(second)).toEqual(["cancelled", "delivered"]);
});
