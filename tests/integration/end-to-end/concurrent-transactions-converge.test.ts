import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Harness, type Row, startHarness } from "./harness.ts";
import { CUSTOMER, REQUEST } from "./rows.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});

afterAll(async () => {
  const { violations } = harness.receiver;
  await harness.stop();
  expect(violations).toEqual([]);
});

/** Begins both, lets both write, then commits in the order asked for. */
async function commitInOrder(
  works: [
    first: (db: pg.PoolClient) => Promise<void>,
    second: (db: pg.PoolClient) => Promise<void>,
  ],
  order: [0 | 1, 0 | 1],
): Promise<void> {
  await harness.inSession((one) =>
    harness.inSession(async (other) => {
      const sessions = [one, other];
      for (const session of sessions) await session.query("begin");
      for (const [index, session] of sessions.entries()) await works[index]?.(session);
      for (const index of order) await sessions[index]?.query("commit");
    }),
  );
}

async function insertRequest() {
  const customer_id = await harness.insert("customers", CUSTOMER);
  const id = await harness.insert("requests", { ...REQUEST, customer_id });
  return { id, customer_id };
}

function stateOf(requestId: string): Row | undefined {
  return harness.receiver.effects.get(`lovable_request_id:${requestId}`)?.state;
}

test.concurrent.for([
  ["first", [0, 1]],
  ["last", [1, 0]],
] as const)("a payment succeeds while its request is edited, and commits %s", async ([, order]) => {
  const { id } = await insertRequest();
  const payment = await harness.insert("payments", { request_id: id, amount: 100 });
  await harness.settled(id);
  await commitInOrder(
    [
      (db) => harness.update("payments", payment, { status: "succeeded" }, db),
      (db) => harness.update("requests", id, { city: "Rennes" }, db),
    ],
    [...order],
  );
  await harness.settled(id, payment);
  expect(stateOf(id)).toMatchObject({ payment_status: "paid", city: "Rennes", amount: 100 });
});

test.concurrent.for([
  ["first", [0, 1]],
  ["last", [1, 0]],
] as const)(
  "a customer is corrected while a request of theirs is inserted, and commits %s",
  async ([, order]) => {
    const customer_id = await harness.insert("customers", { ...CUSTOMER, phone: "before" });
    const id = crypto.randomUUID();
    await commitInOrder(
      [
        (db) => harness.update("customers", customer_id, { phone: "after" }, db),
        (db) =>
          harness.insert("requests", { ...REQUEST, id, customer_id }, db).then(() => undefined),
      ],
      [...order],
    );
    await harness.ticks();
    await harness.settled(id);
    expect(stateOf(id)).toMatchObject({ phone: "after" });
  },
);

test.concurrent("twelve sessions edit one request, and the receiver ends with its last state", async () => {
  const { id } = await insertRequest();
  await Promise.all(
    Array.from({ length: 12 }, (_, session) =>
      harness.inSession(async (db) => {
        for (let edit = 0; edit < 5; edit += 1) {
          await harness.update("requests", id, { address: `${session}, rue ${edit}` }, db);
        }
      }),
    ),
  );
  await harness.settled(id);
  const [row] = await harness.query("select address from public.requests where id = $1", [id]);
  expect(stateOf(id)?.address).toBe(row?.address);
  const overlaps = harness.receiver.overlaps.filter(({ subject }) => subject === `request:${id}`);
  expect(overlaps).toEqual([]);
});
