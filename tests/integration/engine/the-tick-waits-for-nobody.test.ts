import { expect, it } from "vitest";
import { insertLeads, openTwoSessions, statuses, tick } from "./two-sessions.ts";

const STEPS = ["capture_missed", "capture_related", "reconcile", "dispatch"];

it("returns nothing, and waits for nobody, while another one runs", async () => {
  const { first, second } = await openTwoSessions();
  await first.query("begin");
  expect(await tick(first)).toEqual(STEPS);
  await second.query("set statement_timeout = '2s'");
  expect(await tick(second)).toEqual([]);
  await first.query("commit");
  expect(await tick(second)).toEqual(STEPS);
});

it("returns nothing while start, stop or a person changes the settings", async () => {
  const { first, second } = await openTwoSessions();
  await first.query("begin");
  await first.query("update crm_sync.settings set lease = '3 minutes'");
  expect(await tick(second)).toEqual([]);
  await first.query("rollback");
  expect(await tick(second)).toEqual(STEPS);
});

it("leaves a key alone on which an operator cancels something", async () => {
  const { first, second } = await openTwoSessions();
  await insertLeads(first, "ada@example.test", "bob@example.test");
  await first.query("begin");
  await first.query(
    "select crm_sync.cancel(array[(select min(delivery_id) from crm_sync.deliveries)])",
  );
  expect(await tick(second)).toEqual(STEPS);
  expect(await statuses(second)).toEqual(["pending", "in_flight"]);
  await first.query("commit");
  expect(await statuses(second)).toEqual(["cancelled", "in_flight"]);
});

it("passes over a row that somebody holds, and what follows on its key", async () => {
  const { first, second } = await openTwoSessions();
  await insertLeads(first, "ada@example.test", "bob@example.test");
  await insertPaymentsOfOneRequest(first, 2);
  await first.query("begin");
  await first.query(`
    select from crm_sync.deliveries
    where delivery_id in (select min(delivery_id) from crm_sync.deliveries group by route)
    for no key update
  `);
  expect(await tick(second)).toEqual(STEPS);
  expect(await statuses(second)).toEqual(["pending", "in_flight", "pending", "pending"]);
});

it("passes over a row that somebody holds where it is all that waits", async () => {
  const { first, second } = await openTwoSessions();
  await insertLeads(first, "ada@example.test");
  await first.query("begin");
  await first.query("select from crm_sync.deliveries for no key update");
  expect(await tick(second)).toEqual(STEPS);
  expect(await statuses(second)).toEqual(["pending"]);
  await first.query("rollback");
  await tick(second);
  expect(await statuses(second)).toEqual(["in_flight"]);
});

it("wakes a key though somebody holds one that is parked on it", async () => {
  const { first, second } = await openTwoSessions();
  await insertPaymentsOfOneRequest(first, 3);
  await second.query("update crm_sync.settings set max_envelope_deliveries = 1");
  await tick(second);
  expect(await statuses(second)).toEqual(["in_flight", "pending", "pending"]);
  await first.query("begin");
  await first.query(
    "select from crm_sync.deliveries where is_parked order by delivery_id limit 1 for update",
  );
  // A crash empties pg_net's tables: its request is lost, and the delivery settled.
  await second.query("delete from net.http_request_queue");
  // Or the same tick's dispatch would look at the key, and park again what waits behind the first.
  await second.query("update crm_sync.settings set is_running = false");
  expect(await tick(second, "1 second")).toEqual(STEPS);
  const { rows } = await second.query(
    "select status, is_parked from crm_sync.deliveries order by delivery_id",
  );
  expect(rows).toEqual([
    { status: "pending", is_parked: false },
    { status: "pending", is_parked: true },
    { status: "pending", is_parked: false },
  ]);
});

it("takes back no request that pg_net is sending right now", async () => {
  const { first, second } = await openTwoSessions();
  await insertLeads(first, "ada@example.test");
  await tick(second);
  // What pg_net's worker does while a batch runs: its rows are deleted and not yet committed.
  await first.query("begin");
  await first.query("delete from net.http_request_queue");
  expect(await tick(second, "1 hour")).toEqual(STEPS);
  expect(await envelopes()).toEqual(["in_flight"]);
  await first.query("rollback");
  await tick(second, "1 hour");
  expect(await envelopes()).toEqual(["in_flight", "taken_back"]);

  async function envelopes(): Promise<string[]> {
    const { rows } = await second.query("select status from crm_sync.envelopes order by 1");
    return rows.map(({ status }) => status);
  }
});

it("captures what was missed, but for what somebody erases", async () => {
  const { first, second } = await openTwoSessions();
  await first.query(`
    alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
    insert into leads (email) values ('ada@example.test');
    insert into leads (email) values ('bob@example.test');
    alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
  `);
  await first.query("begin");
  await first.query(
    "select crm_sync.erase('leads', (select id::text from leads where email = 'ada@example.test'))",
  );
  expect(await tick(second, "1 minute")).toEqual(STEPS);
  const { rows } = await second.query(
    "select email, status from crm_sync.deliveries join leads on leads.id::text = row_id",
  );
  expect(rows).toEqual([{ email: "bob@example.test", status: "in_flight" }]);
});

async function insertPaymentsOfOneRequest(
  client: Parameters<typeof insertLeads>[0],
  count: number,
): Promise<void> {
  await client.query("update crm_sync.settings set is_running = false");
  await client.query("insert into requests (id, status) values (gen_random_uuid(), 'draft')");
  await client.query(
    "insert into payments (request_id, stripe_session_id) select requests.id, 'cs_' || n from requests, generate_series(1, $1::int) as n",
    [count],
  );
  await client.query("update crm_sync.settings set is_running = true");
}
