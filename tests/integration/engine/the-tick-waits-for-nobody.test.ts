import type pg from "pg";
import { beforeEach, describe, expect, it } from "vitest";
import { answerAll } from "../../support/answers.ts";
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

describe.each([
  ["at first sight", null],
  ["at the last look", "3"],
])("captures corrections, but for those of somebody who is being erased, %s", (_, horizon) => {
  const known = ["delivered", "delivered"];
  let operator: pg.Client;
  let engine: pg.Client;

  beforeEach(async () => {
    ({ first: operator, second: engine } = await openTwoSessions());
    await correctTwoCustomers(engine);
    await engine.query("update crm_sync.related_changes set horizon = $1", [horizon]);
  });

  it("who is left alone, and forgotten", async () => {
    await operator.query("begin");
    await operator.query(ERASE_ADA);
    await tick(engine);
    expect(await statuses(engine)).toEqual([...known, "pending"]);
    await operator.query("commit");
    await tick(engine);
    expect(await statuses(engine)).toEqual([...known, "pending"]);
  });

  it("unless that is undone", async () => {
    await operator.query("begin");
    await operator.query(ERASE_ADA);
    await tick(engine);
    await operator.query("rollback");
    await tick(engine);
    expect(await statuses(engine)).toEqual([...known, "pending", "pending"]);
    await tick(engine);
    expect((await engine.query("select from crm_sync.related_changes")).rowCount).toBe(0);
  });

  it.each([
    ["their row", ERASE_ADA],
    ["the person", "select crm_sync.erase_person('ada@example.test', p_count_only => false)"],
  ])("and who erases %s meanwhile cancels what was captured", async (_, erase) => {
    await engine.query("begin");
    await tick(engine);
    const erased = operator.query(erase);
    await expect.poll(() => isWaiting(engine, operator)).toBe(true);
    await engine.query("commit");
    await erased;
    expect((await statuses(engine)).slice(2).sort()).toEqual(["cancelled", "pending"]);
  });
});

it("captures what was missed while somebody repairs", async () => {
  const { first, second } = await openTwoSessions();
  await second.query(`
    alter table crm_sync.deliveries add constraint the_ledger_is_broken check (false) not valid;
    insert into leads (email) values ('ada@example.test');
    alter table crm_sync.deliveries drop constraint the_ledger_is_broken;
    alter table leads disable trigger crm_sync_capture_insert;
    insert into leads (email) values ('bob@example.test');
    select nextval('crm_sync.unstored_changes');
  `);
  await first.query("begin");
  await first.query("select crm_sync.repair_missing(p_limit => 0)");
  await tick(second, "1 minute");
  expect(await statuses(second)).toEqual(["in_flight"]);
  await first.query("rollback");
  await tick(second, "1 minute");
  expect(await statuses(second)).toEqual(["in_flight", "in_flight"]);
});

it("settles while a destination is being paused", async () => {
  const { first, second } = await openTwoSessions();
  await insertLeads(second, "ada@example.test");
  await tick(second);
  await answerAll(second);
  await first.query("begin");
  await first.query("select crm_sync.pause('monelec')");
  await tick(second);
  expect(await statuses(second)).toEqual(["delivered"]);
});

it("sends nothing to a destination with a rate that is being changed, and to others as ever", async () => {
  const { first, second } = await openTwoSessions();
  await second.query("update crm_sync.settings set is_running = false");
  await second.query("update crm_sync.destinations set rate_per_second = 10");
  await second.query("insert into leads (email) values ('ada@example.test')");
  await second.query("insert into orders (status) values ('confirmed')");
  await second.query("update crm_sync.settings set is_running = true");
  await first.query("begin");
  await first.query("select crm_sync.pause('monelec')");
  await tick(second);
  expect(await statuses(second)).toEqual(["pending", "in_flight"]);
  await first.query("rollback");
  await tick(second);
  expect(await statuses(second)).toEqual(["in_flight", "in_flight"]);
});

it("parks what waits behind another, but for what somebody holds", async () => {
  const { first, second } = await openTwoSessions();
  await insertPaymentsOfOneRequest(first, 3);
  await second.query("update crm_sync.settings set max_envelope_deliveries = 1");
  const parked = async () => {
    const { rows } = await second.query(
      "select is_parked from crm_sync.deliveries order by delivery_id",
    );
    return rows.map(({ is_parked }) => is_parked);
  };
  await first.query("begin");
  await first.query(
    "select from crm_sync.deliveries order by delivery_id desc limit 1 for no key update",
  );
  await tick(second);
  expect(await statuses(second)).toEqual(["in_flight", "pending", "pending"]);
  expect(await parked()).toEqual([false, true, false]);
  await first.query("rollback");
  await tick(second);
  expect(await parked()).toEqual([false, true, true]);
});

const ERASE_ADA =
  "select crm_sync.erase('customers', (select id::text from customers order by email limit 1))";

async function isWaiting(asker: pg.Client, waiter: pg.Client): Promise<boolean> {
  const { processID } = waiter as unknown as { processID: number };
  const { rows } = await asker.query("select cardinality(pg_blocking_pids($1)) > 0 as waits", [
    processID,
  ]);
  return rows[0].waits;
}

/** Each has a request, of which the receiver knows. */
async function correctTwoCustomers(client: pg.Client): Promise<void> {
  await client.query(`
    update crm_sync.settings set is_running = false;
    insert into customers (email) values ('ada@example.test'), ('bob@example.test');
    insert into requests (customer_id, status) select id, 'submitted' from customers order by email;
    update crm_sync.deliveries
    set status = 'delivered', claimed_at = now() - interval '1 hour', finished_at = now();
    update customers set full_name = 'Eve';
  `);
}

async function insertPaymentsOfOneRequest(client: pg.Client, count: number): Promise<void> {
  await client.query("update crm_sync.settings set is_running = false");
  await client.query("insert into requests (id, status) values (gen_random_uuid(), 'draft')");
  await client.query(
    "insert into payments (request_id, stripe_session_id) select requests.id, 'cs_' || n from requests, generate_series(1, $1::int) as n",
    [count],
  );
  await client.query("update crm_sync.settings set is_running = true");
}
