import { expect, it } from "vitest";
import { openEngine } from "../../support/engine.ts";

it("names the argument that does it, where there is something to do", async () => {
  const client = await openEngine();
  const notices: object[] = [];
  client.on("notice", ({ severity, code, message, hint }) =>
    notices.push({ severity, code, message, hint }),
  );
  const redeliver = "select * from crm_sync.redeliver_dead('lead'";
  const erase = "select * from crm_sync.erase_person('ada@example.test'";

  await client.query("insert into leads (email) values ('ada@example.test')");
  await client.query(`${redeliver})`);
  expect(notices).toEqual([]);

  await client.query(
    "update crm_sync.deliveries set status = 'dead', envelope_id = null, finished_at = now()",
  );
  const NOTICE = {
    ...{ severity: "NOTICE", code: "CS061", message: "this was only counted" },
    hint: "To do it: p_count_only => false",
  };
  await client.query(`${redeliver})`);
  await client.query(`${erase})`);
  expect(notices).toEqual([NOTICE, NOTICE]);

  await client.query(`${redeliver}, p_count_only => false)`);
  await client.query(`${erase}, p_count_only => false)`);
  await client.query("select * from crm_sync.erase_person('nobody@example.test')");
  expect(notices).toHaveLength(2);
});
