import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringifyJson } from "../../../supabase/functions/crm-sync/json.ts";
import { type RouteName, routes } from "../../../supabase/functions/crm-sync/routes.ts";
import { type GoldenCase, goldenCases } from "../../unit/function/golden.ts";
import { NotExpressible, withOwnIds, writeRows } from "./golden-rows.ts";
import { type Delivery, type Harness, startHarness } from "./harness.ts";

/** Every other case of tests/golden goes through the database. */
const NOT_EXPRESSIBLE = [
  "order_confirmation: an event that happened is sent even if the order has moved on",
  "order_confirmation: half a piece is refused",
  "payment_intent: a fraction of a minor unit is refused",
  "payment_intent: an amount that is text is refused",
  "payment_session: a fraction of a minor unit is refused",
  "payment_session: an amount that is text is refused",
  "payment_status: a request that is gone is refused",
  "request: a missing customer is refused",
];

let harness: Harness;
const cases = goldenCases().map(withOwnIds);
const written = new Map<GoldenCase, Delivery>();
const notExpressible: string[] = [];

beforeAll(async () => {
  harness = await startHarness();
  await harness.inSession(async (client) => {
    for (const golden of cases) await writeInTransaction(client, golden);
  });
  const ids = cases.map(({ record }) => record.id as string);
  const deliveries = await harness.settled(...ids);
  for (const golden of cases) {
    const delivery = deliveries.find(
      ({ row_id, route }) => row_id === golden.record.id && route === golden.route,
    );
    if (delivery) written.set(golden, delivery);
  }
});

afterAll(() => harness?.stop());

async function writeInTransaction(client: pg.PoolClient, golden: GoldenCase): Promise<void> {
  await client.query("begin");
  try {
    await writeRows(client, golden);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    if (!(error instanceof NotExpressible)) throw error;
    notExpressible.push(`${golden.route}: ${golden.name}`);
  }
}

test("nearly every golden record can be written as rows", () => {
  expect(notExpressible.sort()).toEqual(NOT_EXPRESSIBLE);
});

const named = (list: GoldenCase[]) =>
  list.map((golden): [string, GoldenCase] => [golden.name, golden]);

const isWritten = ({ route, name }: GoldenCase) => !NOT_EXPRESSIBLE.includes(`${route}: ${name}`);

describe.each(Object.keys(routes) as RouteName[])("%s", (route) => {
  const own = cases.filter((golden) => golden.route === route && isWritten(golden));

  test.each(named(own.filter(({ expected }) => expected)))("%s", (_, golden) => {
    const delivery = written.get(golden) as Delivery;
    expect(delivery).toMatchObject({ status: "delivered", attempt_count: 1, last_error: null });
    const [call, ...more] = harness.receiver.calls.filter(
      ({ idempotencyKey }) => idempotencyKey === delivery.idempotency_key,
    );
    expect(more).toEqual([]);
    expect(call?.path.endsWith(routes[route].path)).toBe(true);
    // Byte for byte: the keys' order and the digits of numbers, too.
    expect(call?.text).toBe(stringifyJson(expectedOf(golden, call?.body)));
  });

  test.each(named(own.filter(({ refused }) => refused)))("%s", (_, golden) => {
    const delivery = written.get(golden) as Delivery;
    expect(delivery).toMatchObject({
      status: "dead",
      last_outcome: "reject",
      last_status: null,
      last_error_code: "invalid_record",
    });
    expect(delivery.last_error).toMatch(new RegExp(`(^|[ ,;])${golden.refused?.field}: expected `));
    const keys = harness.receiver.calls.map(({ idempotencyKey }) => idempotencyKey);
    expect(keys).not.toContain(delivery.idempotency_key);
  });
});

test("the receivers have nothing to complain of", () => {
  expect(harness.receiver.violations).toEqual([]);
  expect(harness.receiver.overlaps).toEqual([]);
});

/** An order without a time of confirmation takes the time of the change, which no file can know. */
function expectedOf(golden: GoldenCase, body: unknown): object {
  const expected = golden.expected as Record<string, unknown>;
  if (golden.route !== "order_confirmation" || golden.record.confirmed_at) return expected;
  const { confirmed_at } = (body as { fields: { confirmed_at: string } }).fields;
  expect(confirmed_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z$/);
  const capturedAt = (written.get(golden) as Delivery).captured_at.getTime();
  expect(Math.abs(new Date(confirmed_at).getTime() - capturedAt)).toBeLessThan(2);
  return { ...expected, fields: { ...(expected.fields as object), confirmed_at } };
}
