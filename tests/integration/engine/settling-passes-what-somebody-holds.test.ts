import type pg from "pg";
import { beforeEach, describe, expect, it } from "vitest";
import { answerAll } from "../../support/answers.ts";
import { insertLeads, openTwoSessions, statuses, tick } from "./two-sessions.ts";

/** What the operator's session does and leaves open. */
const ERASE = "select crm_sync.erase('leads', (select id::text from leads order by email limit 1))";
const LOCK = "select from crm_sync.deliveries order by delivery_id limit 1 for no key update";

describe.each([
  ["erases its row", ERASE],
  ["locks it", LOCK],
])("while an operator %s", (_, holds) => {
  let operator: pg.Client;
  let engine: pg.Client;

  beforeEach(async () => {
    ({ first: operator, second: engine } = await openTwoSessions());
    await engine.query("update crm_sync.settings set max_envelope_deliveries = 2");
    await insertLeads(
      engine,
      "ada@example.test",
      "bob@example.test",
      "cyd@example.test",
      "dan@example.test",
    );
    await tick(engine);
  });

  async function hold(): Promise<void> {
    await operator.query("begin");
    await operator.query(holds);
  }

  it("its envelope waits, and all others are settled", async () => {
    await answerAll(engine);
    await hold();
    await tick(engine);
    expect(await statuses(engine)).toEqual(["in_flight", "in_flight", "delivered", "delivered"]);
    expect(await envelopes(engine)).toEqual(["in_flight", "answered"]);
    await operator.query("commit");
    await tick(engine);
    expect(await statuses(engine)).toEqual(["delivered", "delivered", "delivered", "delivered"]);
    expect(await envelopes(engine)).toEqual(["answered", "answered"]);
  });

  it("its request is not called lost", async () => {
    await engine.query("truncate net.http_request_queue");
    await hold();
    await tick(engine);
    expect(await envelopes(engine)).toEqual(["in_flight", "lost"]);
    await operator.query("rollback");
    await tick(engine);
    expect(await envelopes(engine)).toEqual(["lost", "lost"]);
    expect(await statuses(engine)).toEqual(["pending", "pending", "pending", "pending"]);
  });

  it("its request is not taken back", async () => {
    await engine.query("update crm_sync.destinations set is_paused = true");
    await hold();
    await tick(engine, "1 hour");
    expect(await envelopes(engine)).toEqual(["in_flight", "taken_back"]);
    expect((await engine.query("select from net.http_request_queue")).rowCount).toBe(1);
    await operator.query("rollback");
    await tick(engine, "1 hour");
    expect(await envelopes(engine)).toEqual(["taken_back", "taken_back"]);
    expect((await engine.query("select from net.http_request_queue")).rowCount).toBe(0);
  });
});

it("an envelope waits, too, where its outcome would end an older dead letter that somebody holds", async () => {
  const { first: operator, second: engine } = await openTwoSessions();
  await insertLeads(engine, "ada@example.test");
  await engine.query("update crm_sync.deliveries set status = 'dead', finished_at = now()");
  await engine.query("update leads set email = 'eve@example.test'");
  await insertLeads(engine, "bob@example.test");
  await tick(engine);
  expect(await statuses(engine)).toEqual(["dead", "in_flight", "in_flight"]);
  await answerAll(engine);
  await operator.query("begin");
  await operator.query(
    "select crm_sync.cancel(array[(select min(delivery_id) from crm_sync.deliveries)])",
  );
  await tick(engine);
  expect(await statuses(engine)).toEqual(["dead", "in_flight", "delivered"]);
  await operator.query("rollback");
  await tick(engine);
  expect(await statuses(engine)).toEqual(["superseded", "delivered", "delivered"]);
});

it("and where it would end an older state that somebody holds", async () => {
  const { first: operator, second: engine } = await openTwoSessions();
  await insertLeads(engine, "ada@example.test");
  await engine.query("update crm_sync.settings set is_running = false");
  await engine.query("update leads set email = 'eve@example.test'");
  await engine.query("update crm_sync.settings set is_running = true");
  await tick(engine);
  expect(await statuses(engine)).toEqual(["pending", "in_flight"]);
  await answerAll(engine);
  await operator.query("begin");
  await operator.query(
    "select from crm_sync.deliveries where status = 'pending' for no key update",
  );
  await tick(engine);
  expect(await statuses(engine)).toEqual(["pending", "in_flight"]);
  await operator.query("rollback");
  await tick(engine);
  expect(await statuses(engine)).toEqual(["superseded", "delivered"]);
});

it("a breaker that opens takes back the others", async () => {
  const { first: operator, second: engine } = await openTwoSessions();
  await engine.query("update crm_sync.settings set max_envelope_deliveries = 1");
  await insertLeads(engine, "ada@example.test", "bob@example.test", "cyd@example.test");
  await tick(engine);
  await engine.query("set statement_timeout = '10s'");
  await operator.query("begin");
  await operator.query(LOCK);
  // Ten others have failed in this minute.
  await engine.query(
    "insert into crm_sync.breaker_minutes values ('monelec', date_trunc('minute', now()), 10, 10)",
  );
  await engine.query(
    `select crm_sync._settle(array[row(delivery_id, envelope_id, 'retry', true, false, 503, null, null, null)::crm_sync.settlement], now())
     from crm_sync.deliveries join leads on leads.id::text = row_id where email = 'bob@example.test'`,
  );
  expect(await statuses(engine)).toEqual(["in_flight", "pending", "pending"]);
  const { rows } = await engine.query(
    "select state from crm_sync.breakers where breaker = 'monelec'",
  );
  expect(rows).toEqual([{ state: "open" }]);
});

it("health() says how to find who holds it", async () => {
  const { first: operator, second: engine } = await openTwoSessions();
  await insertLeads(engine, "ada@example.test");
  await tick(engine);
  await answerAll(engine);
  await operator.query("begin");
  await operator.query("select from crm_sync.deliveries for update");
  await tick(engine);
  const { rows } = await engine.query(
    "select level, mend from crm_sync.health(now() + interval '4 minutes') where check_name = 'envelopes'",
  );
  expect(rows[0].level).toBe("error");
  // Who only reads is not named.
  await engine.query("begin");
  await engine.query("select from crm_sync.deliveries");
  const [look] = /select pid.*;$/.exec(rows[0].mend) ?? [];
  expect((await engine.query(`${look}`)).rows).toEqual([
    expect.objectContaining({ state: "idle in transaction" }),
  ]);
});

/** In the order in which they left. */
async function envelopes(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query("select status from crm_sync.envelopes order by request_id");
  return rows.map(({ status }) => status);
}
