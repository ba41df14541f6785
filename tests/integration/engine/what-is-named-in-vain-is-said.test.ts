import { beforeEach, expect, it } from "vitest";
import { openEngine } from "../../support/engine.ts";

const LEADS = [1, 2, 3].map((n) => `10000000-0000-4000-8000-00000000000${n}`);
const REQUESTS = [1, 2, 3].map((n) => `20000000-0000-4000-8000-00000000000${n}`);

let client: Awaited<ReturnType<typeof openEngine>>;
let notices: object[];

beforeEach(async () => {
  client = await openEngine();
  notices = [];
  client.on("notice", ({ severity, code, message, hint }) =>
    notices.push({ severity, code, message, hint }),
  );
});

async function ask(sql: string, values: unknown[] = []): Promise<object[]> {
  notices.length = 0;
  const { rows } = await client.query(sql, values);
  return rows;
}

it("a route that is not attached to the table that is detached from it", async () => {
  const HINT = "What is attached: crm_sync.attachments, crm_sync.related_attachments.";
  expect(await ask("select from crm_sync.detach('orders', 'lead')")).toEqual([]);
  const message = "route lead is not attached to public.orders";
  expect(notices).toEqual([{ severity: "NOTICE", code: "CS058", message, hint: HINT }]);

  // Only changes of its rows count for those of another.
  await ask("select from crm_sync.detach('customers', 'request')");
  expect(notices).toEqual([]);

  await ask("select from crm_sync.detach('orders')");
  expect(notices).toEqual([]);
  await ask("select from crm_sync.detach('orders')");
  expect(notices).toMatchObject([{ message: "nothing is attached to public.orders" }]);
});

it("rows that a backfill does not find, or that do not fire its route", async () => {
  await client.query("insert into leads (id, email) values ($1, 'ada@example.test')", [LEADS[0]]);
  await ask("select crm_sync.backfill('lead', $1)", [[LEADS[0]]]);
  expect(notices).toEqual([]);

  expect(await ask("select crm_sync.backfill('lead', $1)", [LEADS])).toHaveLength(1);
  expect(notices).toEqual([
    {
      ...{ severity: "WARNING", code: "CS059", message: "public.leads has no row for 2 of 3 ids" },
      hint: "Are they deleted, or of another table?",
    },
  ]);

  await client.query("insert into requests (id, status) values ($1, 'draft'), ($2, 'submitted')", [
    ...REQUESTS.slice(0, 2),
  ]);
  expect(await ask("select crm_sync.backfill('request', $1)", [REQUESTS])).toHaveLength(1);
  expect(notices).toMatchObject([
    {
      message: "public.requests has no row for 1 of 3 ids; 1 row does not fire request as it is",
      hint: "Its conditions: select table_name, condition from crm_sync.attachments where route = 'request';",
    },
  ]);
});

it("a route that no table, or not this one, has", async () => {
  await ask("select crm_sync.backfill('lead', $1, p_table => 'orders')", [LEADS]);
  expect(notices).toMatchObject([
    { severity: "WARNING", code: "CS058", message: "route lead is not attached to public.orders" },
  ]);
  await client.query("select crm_sync.detach('leads')");
  await ask("select crm_sync.backfill('lead', p_since => 'yesterday')");
  expect(notices).toMatchObject([{ code: "CS058", message: "route lead is attached to no table" }]);
});

it("null, in the place of a delivery's id", async () => {
  for (const call of ["redeliver(null)", "cancel(null)", "redeliver(null::bigint)"]) {
    expect(await ask(`select crm_sync.${call}`)).toEqual([]);
    const message = "null is no delivery: nothing is done";
    expect(notices).toMatchObject([{ severity: "NOTICE", code: "CS060", message }]);
  }
  expect(await ask("select crm_sync.redeliver('{}')")).toEqual([]);
  expect(notices).toEqual([]);
});
