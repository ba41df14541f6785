import { expect, it } from "vitest";
import { openEngine } from "../../support/engine.ts";

const CUSTOMER = "30000000-0000-4000-8000-000000000001";
const LEAD = "10000000-0000-4000-8000-000000000001";
const WARNING = {
  code: "CS046",
  message:
    "public.customers has no such row any more: records of others that were read from it are not found",
  hint: "By what they tell: select * from crm_sync.erase_person(p_email => '…');",
};

it("warns where records of others may hold what was read of the row, and names the way to them", async () => {
  const client = await openEngine();
  const warnings: object[] = [];
  client.on("notice", ({ code, message, hint }) => warnings.push({ code, message, hint }));
  const erase = (table: string, id: string) =>
    client.query("select * from crm_sync.erase($1, $2)", [table, id]);

  await client.query(
    `insert into customers (id, email) values ('${CUSTOMER}', 'ada@example.test');
     insert into requests (customer_id, status) values ('${CUSTOMER}', 'submitted');
     insert into leads (id, email) values ('${LEAD}', 'ada@example.test')`,
  );
  await erase("public.customers", CUSTOMER);
  await client.query("update requests set customer_id = null; delete from customers");
  await client.query("delete from leads");
  await erase("public.leads", LEAD);
  expect(warnings).toEqual([]);

  await erase("public.customers", CUSTOMER);
  await erase("public.customers", CUSTOMER);
  expect(warnings).toEqual([WARNING, WARNING]);
});
