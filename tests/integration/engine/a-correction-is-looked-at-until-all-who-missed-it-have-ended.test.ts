import { expect, it } from "vitest";
import { openTwoSessions, tick } from "./two-sessions.ts";

it("also by a transaction that began after the correction's own and outlasted it", async () => {
  const { first: writer, second } = await openTwoSessions();
  await second.query("insert into customers (email) values ('ada@before.test')");
  await second.query("begin");
  await second.query("update customers set email = 'ada@after.test'");
  // It reads the customer for its record while the correction is not committed, and commits after the tick's look.
  await writer.query("begin");
  await writer.query(
    "insert into requests (customer_id, status) select id, 'submitted' from customers",
  );
  await writer.query("set constraints all immediate");
  await second.query("commit");
  await tick(second);
  await writer.query("commit");
  await tick(second);
  await tick(second);

  const { rows } = await second.query(
    "select status, record #>> '{customer,email}' as email from crm_sync.deliveries order by delivery_id",
  );
  expect(rows).toEqual([
    { status: "in_flight", email: "ada@before.test" },
    { status: "pending", email: null },
  ]);
});
