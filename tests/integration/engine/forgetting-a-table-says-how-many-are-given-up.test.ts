import { expect, it } from "vitest";
import { openEngine } from "../../support/engine.ts";

it("warns of deliveries that are cancelled with the table that they were to be read from", async () => {
  const client = await openEngine();
  const warnings: object[] = [];
  client.on("notice", ({ code, message, hint }) => warnings.push({ code, message, hint }));

  await client.query("select from crm_sync.stop()");
  await client.query("insert into leads (email) values ('ada@example.test'), ('bob@example.test')");
  await client.query("drop table leads, orders");
  await client.query("select from crm_sync.forget('public.orders')");
  expect(warnings).toEqual([]);

  await client.query("select from crm_sync.forget('public.leads')");
  await client.query("select from crm_sync.forget('public.leads')");
  expect(warnings).toEqual([
    {
      code: "CS053",
      message:
        "2 deliveries of public.leads are cancelled: nobody has read them, and their table is gone",
      hint: "Which: select * from crm_sync.delivery_log where table_name = 'public.leads' and last_error_code = 'table_gone';",
    },
  ]);
});
