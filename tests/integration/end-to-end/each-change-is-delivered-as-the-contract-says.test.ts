import { randomUUID } from "node:crypto";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Harness, type Row, startHarness } from "./harness.ts";
import { CUSTOMER, LEAD, ORDER, REQUEST } from "./rows.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});

afterAll(async () => {
  const { violations, overlaps } = harness.receiver;
  await harness.stop();
  expect(violations).toEqual([]);
  expect(overlaps).toEqual([]);
});

const insert = (table: string, row: Row) => harness.insert(table, row);
const update = (table: string, id: string, row: Row) => harness.update(table, id, row);
const settled = (...ids: string[]) => harness.settled(...ids);
const body = (call: { body: unknown } | undefined) => call?.body as Row;

async function insertRequest(row: Row = {}): Promise<string> {
  const customer_id = await insert("customers", CUSTOMER);
  return insert("requests", { ...REQUEST, customer_id, ...row });
}

/** The routes that a row fired, in order of capture; each must have been delivered. */
async function routesOf(id: string): Promise<string[]> {
  const found = await settled(id);
  expect(found.map(({ status }) => status)).toEqual(found.map(() => "delivered"));
  return found.map(({ route }) => route);
}

/** What the ledger has of a row as soon as its write is committed: nothing, and nothing to come. */
async function expectNothing(id: string): Promise<void> {
  await harness.ticks();
  expect(await harness.deliveries(id)).toEqual([]);
  expect(harness.calls(id)).toEqual([]);
}

async function inTransaction(work: (db: pg.PoolClient) => Promise<void>): Promise<void> {
  await harness.inSession(async (db) => {
    await db.query("begin");
    await work(db);
    await db.query("commit");
  });
}

describe.concurrent("leads", () => {
  test("a new lead is sent, and sent again when a mapped column changes", async () => {
    const id = await insert("leads", LEAD);
    await settled(id);
    await update("leads", id, { phone: "0100000001" });
    expect(await routesOf(id)).toEqual(["lead", "lead"]);
    expect(harness.calls(id).map((call) => [call.status, body(call).phone])).toEqual([
      [201, "+33 6 12 34 56 78"],
      [200, "0100000001"],
    ]);
  });

  test("a column that nobody watches, or a value that stays, sends nothing", async () => {
    const id = await insert("leads", LEAD);
    await settled(id);
    await update("leads", id, { updated_at: new Date() });
    await update("leads", id, { ...LEAD, source: null });
    await harness.ticks();
    expect(await routesOf(id)).toEqual(["lead"]);
  });

  test("three updates in one transaction make one call with the last state", async () => {
    const id = await insert("leads", LEAD);
    await settled(id);
    await inTransaction(async (db) => {
      for (const city of ["1", "2", "3"])
        await harness.update("leads", id, { postal_code: city }, db);
    });
    const found = await settled(id);
    expect(found.map(({ status }) => status)).toEqual([
      "delivered",
      "superseded",
      "superseded",
      "delivered",
    ]);
    expect(harness.calls(id).map((call) => body(call).postalCode)).toEqual([null, "3"]);
  });

  test("a transaction that rolls back sends nothing", async () => {
    const id = randomUUID();
    await harness.inSession(async (db) => {
      await db.query("begin");
      await harness.insert("leads", { ...LEAD, id }, db);
      await db.query("rollback");
    });
    await expectNothing(id);
  });

  test("a savepoint that rolls back takes its own changes along and no others", async () => {
    const id = await insert("leads", LEAD);
    await settled(id);
    const other = randomUUID();
    await inTransaction(async (db) => {
      await harness.update("leads", id, { source: "kept" }, db);
      await db.query("savepoint before_the_other");
      await harness.insert("leads", { ...LEAD, id: other }, db);
      await db.query("rollback to before_the_other");
    });
    await settled(id);
    expect(harness.calls(id).map((call) => body(call).source)).toEqual(["lovable-website", "kept"]);
    await expectNothing(other);
  });

  test("a lead deleted before its first dispatch is cancelled with that reason", async () => {
    const id = randomUUID();
    await inTransaction(async (db) => {
      await harness.insert("leads", { ...LEAD, id }, db);
      await db.query("delete from public.leads where id = $1", [id]);
    });
    expect(await settled(id)).toMatchObject([
      { status: "cancelled", last_error_code: "row_deleted" },
    ]);
    expect(harness.calls(id)).toEqual([]);
  });

  test("a statement that changes 300 leads sends each of them", async () => {
    const rows = await harness.query<{ id: string }>(
      `insert into public.leads (email) select 'many-' || n || '@example.test' from generate_series(1, 300) as n
       returning id`,
    );
    const ids = rows.map(({ id }) => id);
    const found = await settled(...ids);
    expect(found.filter(({ status }) => status === "delivered")).toHaveLength(300);
    expect(harness.receiver.calls.filter(({ text }) => text.includes("many-"))).toHaveLength(300);
  });

  test("a row that is useless there is dead at once, its field named, and the rest of its envelope arrives", async () => {
    const rows = await harness.query<{ id: string }>(
      `insert into public.leads (email, full_name)
       values ('first@example.test', 'A'), (null, 'No Contact'), ('third@example.test', 'C') returning id`,
    );
    const ids = rows.map(({ id }) => id);
    const found = await settled(...ids);
    expect(found.map(({ status, last_error_code }) => [status, last_error_code])).toEqual([
      ["delivered", null],
      ["dead", "invalid_record"],
      ["delivered", null],
    ]);
    expect(found[1]?.last_error).toMatch(/^email: expected /);
    expect(harness.calls(ids[1] as string)).toEqual([]);
  });

  test("mending the row delivers it, and the dead delivery is superseded", async () => {
    const id = await insert("leads", { full_name: "No Contact" });
    expect(await settled(id)).toMatchObject([{ status: "dead" }]);
    await update("leads", id, { email: "found@example.test" });
    const found = await settled(id);
    expect(found.map(({ status }) => status)).toEqual(["superseded", "delivered"]);
    expect(found[0]?.superseded_by).toBe(found[1]?.delivery_id);
    expect(found[0]?.idempotency_key).not.toBe(found[1]?.idempotency_key);
    expect(harness.calls(id).map((call) => body(call).email)).toEqual(["found@example.test"]);
  });

  test("an envelope is signed when it leaves, however long its transaction was open", async () => {
    // Seconds stand for the minutes that a signature lives: what counts is which clock was read.
    const queued = await harness.inSession(async (db) => {
      await db.query("begin");
      const id = await harness.insert("leads", LEAD, db);
      await db.query("select pg_sleep(2.1)");
      await db.query("set constraints all immediate");
      const { rows } = await db.query<{ age: number }>(
        `select extract(epoch from clock_timestamp())::int - (headers ->> 'webhook-timestamp')::int as age
         from net.http_request_queue where convert_from(body, 'UTF8') like '%' || $1 || '%'`,
        [id],
      );
      await db.query("commit");
      return { id, ages: rows.map(({ age }) => age) };
    });
    expect(queued.ages).toHaveLength(1);
    expect(queued.ages[0]).toBeLessThanOrEqual(1);
    expect(await routesOf(queued.id)).toEqual(["lead"]);
  });
});

describe.concurrent("requests", () => {
  test("a draft stays here; submitted, it is sent once", async () => {
    const id = await insertRequest({ status: "draft" });
    await update("requests", id, { city: "Nantes" });
    await expectNothing(id);
    await update("requests", id, { status: "submitted" });
    expect(await routesOf(id)).toEqual(["request"]);
    expect(body(harness.calls(id)[0])).toMatchObject({ city: "Nantes", status: "submitted" });
  });

  test("a request without status, or put back to draft, sends nothing", async () => {
    const silent = await insertRequest({ status: null });
    await expectNothing(silent);
    const id = await insertRequest();
    await settled(id);
    await update("requests", id, { status: "draft" });
    await harness.ticks();
    expect(await routesOf(id)).toEqual(["request"]);
  });

  test("a customer inserted after its request, in one transaction, is in the payload", async () => {
    const [id, customer_id] = [randomUUID(), randomUUID()];
    await inTransaction(async (db) => {
      await db.query("set constraints public.requests_customer_id_fkey deferred");
      await harness.insert("requests", { ...REQUEST, id, customer_id }, db);
      await harness.insert("customers", { ...CUSTOMER, id: customer_id, siren: "552 100 554" }, db);
    });
    expect(await routesOf(id)).toEqual(["request"]);
    expect(body(harness.calls(id)[0])).toMatchObject({ customer_id, siren: "552 100 554" });
  });

  test("numbers arrive with the digits that Postgres keeps", async () => {
    const id = await insertRequest({ power_kva: "250.750" });
    await settled(id);
    expect(harness.calls(id)[0]?.text).toContain('"power_kva":250.750');
  });
});

describe("corrected customers", () => {
  test("a corrected customer is sent once for each request that is out, and not for a draft", async () => {
    const customer_id = await insert("customers", { ...CUSTOMER, email: "before@example.test" });
    const first = await insert("requests", { ...REQUEST, customer_id });
    const second = await insert("requests", { ...REQUEST, customer_id, status: "en_cours" });
    const draft = await insert("requests", { ...REQUEST, customer_id, status: "draft" });
    await settled(first, second);
    await update("customers", customer_id, { email: "after@example.test" });
    await harness.ticks();
    expect(await routesOf(first)).toEqual(["request", "request"]);
    expect(await routesOf(second)).toEqual(["request", "request"]);
    const emails = (id: string) => harness.calls(id).map((call) => body(call).email);
    expect(emails(first)).toEqual(["before@example.test", "after@example.test"]);
    expect(emails(second)).toEqual(["before@example.test", "after@example.test"]);
    await expectNothing(draft);
  });

  test("a customer's column that no payload takes sends nothing", async () => {
    const customer_id = await insert("customers", CUSTOMER);
    const id = await insert("requests", { ...REQUEST, customer_id });
    await settled(id);
    await update("customers", customer_id, { updated_at: new Date() });
    await harness.ticks();
    expect(await routesOf(id)).toEqual(["request"]);
  });

  test("a request whose customer cannot be reached is dead, and correcting the customer delivers it", async () => {
    const customer_id = await insert("customers", { full_name: "Nobody" });
    const id = await insert("requests", { ...REQUEST, customer_id });
    expect(await settled(id)).toMatchObject([
      { status: "dead", last_error_code: "invalid_record" },
    ]);
    await update("customers", customer_id, { phone: "0100000002" });
    await harness.ticks();
    const found = await settled(id);
    expect(found.map(({ status }) => status)).toEqual(["superseded", "delivered"]);
    expect(harness.calls(id).map((call) => body(call).phone)).toEqual(["0100000002"]);
  });
});

describe.concurrent("payments", () => {
  test("a session id that comes by update makes the one creation call; an intent id after it makes none", async () => {
    const request_id = await insertRequest();
    const id = await insert("payments", { request_id, amount: 12900 });
    await expectNothing(id);
    await update("payments", id, { stripe_session_id: "cs_test_by_update" });
    await update("payments", id, { stripe_payment_intent_id: "pi_too_late" });
    await harness.ticks();
    expect(await routesOf(id)).toEqual(["payment_session"]);
    expect(body(harness.calls(id)[0])).toMatchObject({
      request_id,
      payment_session_id: "cs_test_by_update",
      payment_intent_id: null,
      email: CUSTOMER.email,
    });
  });

  test("an intent id that comes by update makes the one creation call; a session id after it makes none", async () => {
    const id = await insert("payments", { request_id: await insertRequest(), amount: 12900 });
    await update("payments", id, { stripe_payment_intent_id: "pi_by_update" });
    await update("payments", id, { stripe_session_id: "cs_too_late" });
    await harness.ticks();
    expect(await routesOf(id)).toEqual(["payment_intent"]);
  });

  test("both ids at once make one call, for the session, with both", async () => {
    const id = await insert("payments", {
      request_id: await insertRequest(),
      amount: 100,
      stripe_session_id: "cs_both",
      stripe_payment_intent_id: "pi_both",
    });
    expect(await routesOf(id)).toEqual(["payment_session"]);
    expect(body(harness.calls(id)[0])).toMatchObject({
      payment_session_id: "cs_both",
      payment_intent_id: "pi_both",
    });
  });

  test("inserted as succeeded with its id, a payment makes both calls, the creation first", async () => {
    const request_id = await insertRequest();
    const id = await insert("payments", {
      request_id,
      amount: 100,
      status: "succeeded",
      stripe_session_id: "cs_at_once",
    });
    expect(await routesOf(id)).toEqual(["payment_session", "payment_status"]);
    const calls = harness.calls(id, "cs_at_once");
    expect(calls.map(({ path }) => path.split("/").at(-1))).toEqual([
      "payment-session",
      "requests",
    ]);
    expect(body(calls[1])).toMatchObject({
      lovable_request_id: request_id,
      payment_status: "paid",
      payment_session_id: "cs_at_once",
      amount: 100,
    });
  });

  test("failed sends nothing, succeeded after it is sent, succeeded again is not", async () => {
    const id = await insert("payments", { request_id: await insertRequest(), amount: 100 });
    await update("payments", id, { status: "failed" });
    await expectNothing(id);
    await update("payments", id, { status: "succeeded" });
    await settled(id);
    await update("payments", id, { status: "succeeded" });
    await harness.ticks();
    expect(await routesOf(id)).toEqual(["payment_status"]);
  });

  test("a request that was paid stays paid when the payment is refunded and the request edited", async () => {
    const request_id = await insertRequest();
    const id = await insert("payments", { request_id, amount: 100, status: "succeeded" });
    await settled(id, request_id);
    await update("payments", id, { status: "refunded" });
    await update("requests", request_id, { city: "Brest" });
    expect(await routesOf(id)).toEqual(["payment_status"]);
    await settled(request_id);
    expect(body(harness.calls(request_id).at(-1))).toMatchObject({
      city: "Brest",
      payment_status: "paid",
    });
  });

  test("two payments of a request are two creations and two successes", async () => {
    const request_id = await insertRequest();
    const ids = [
      await insert("payments", { request_id, amount: 1, stripe_session_id: "cs_first" }),
      await insert("payments", { request_id, amount: 2, stripe_payment_intent_id: "pi_second" }),
    ];
    await harness.query("update public.payments set status = 'succeeded' where request_id = $1", [
      request_id,
    ]);
    const found = await settled(...ids);
    expect(found.map(({ route, status }) => [route, status])).toEqual([
      ["payment_session", "delivered"],
      ["payment_intent", "delivered"],
      ["payment_status", "delivered"],
      ["payment_status", "delivered"],
    ]);
    const amounts = harness
      .calls(request_id)
      .filter(({ path, text }) => path.endsWith("/requests") && text.includes('"paid"'))
      .map((call) => body(call).amount);
    expect(amounts.filter(Boolean).sort()).toEqual([1, 2]);
  });

  test("a payment before the request is submitted counts it as submitted", async () => {
    const request_id = await insertRequest({ status: "draft" });
    const id = await insert("payments", { request_id, amount: 100, status: "succeeded" });
    expect(await routesOf(id)).toEqual(["payment_status"]);
    expect(body(harness.calls(request_id)[0])).toMatchObject({
      status: "submitted",
      payment_status: "paid",
    });
  });

  test("a payment without request is dead, its field named", async () => {
    const id = await insert("payments", { amount: 100, stripe_session_id: "cs_alone" });
    const [delivery] = await settled(id);
    expect(delivery).toMatchObject({ status: "dead", last_error_code: "invalid_record" });
    expect(delivery?.last_error).toMatch(/^request_id: expected /);
  });
});

describe.concurrent("orders", () => {
  test("confirmed, cancelled and confirmed again are two events with two keys", async () => {
    const id = await insert("orders", ORDER);
    await expectNothing(id);
    await update("orders", id, { status: "confirmed" });
    await update("orders", id, { status: "cancelled" });
    await update("orders", id, { status: "confirmed" });
    expect(await routesOf(id)).toEqual(["order_confirmation", "order_confirmation"]);
    const keys = harness.calls(id).map(({ idempotencyKey }) => idempotencyKey);
    expect(new Set(keys).size).toBe(2);
  });

  test("a confirmed order that is edited sends nothing more", async () => {
    const id = await insert("orders", { ...ORDER, status: "confirmed" });
    await settled(id);
    await update("orders", id, { client_name: "Somebody Else", quantity: 3 });
    await update("orders", id, { status: "confirmed" });
    await harness.ticks();
    expect(await routesOf(id)).toEqual(["order_confirmation"]);
  });

  test("40 orders confirmed in one update are 40 calls", async () => {
    const rows = await harness.query<{ id: string }>(
      `insert into public.orders (order_number, quantity, unit_price, total_amount)
       select 'CMD-BULK-' || n, 1, 9.90, 9.90 from generate_series(1, 40) as n returning id`,
    );
    const ids = rows.map(({ id }) => id);
    await harness.query("update public.orders set status = 'confirmed' where id = any ($1)", [ids]);
    const found = await settled(...ids);
    expect(found.map(({ status }) => status)).toEqual(Array(40).fill("delivered"));
    const numbers = harness.receiver.calls.filter(({ text }) => text.includes("CMD-BULK-"));
    expect(new Set(numbers.map(({ entity }) => entity)).size).toBe(40);
  });

  test("what happened is sent although the order has moved on", async () => {
    const id = randomUUID();
    await inTransaction(async (db) => {
      await harness.insert("orders", { ...ORDER, id, status: "confirmed" }, db);
      await harness.update("orders", id, { status: "shipped", client_name: "Moved On" }, db);
    });
    expect(await routesOf(id)).toEqual(["order_confirmation"]);
    expect(body(harness.calls(id)[0]).fields).toMatchObject({
      status: "confirmed",
      client_name: ORDER.client_name,
    });
  });
});
