import { afterAll, beforeAll, expect, test } from "vitest";
import { type Harness, startHarness } from "./harness.ts";
import { CUSTOMER, REQUEST } from "./rows.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});

afterAll(() => harness.stop());

async function insertRequest() {
  const customer = await harness.insert("customers", CUSTOMER);
  return {
    customer,
    request: await harness.insert("requests", { ...REQUEST, customer_id: customer }),
  };
}

test("two customers corrected one after the other, while a transaction is open, are sent once each", async () => {
  const [one, other] = [await insertRequest(), await insertRequest()];
  await harness.settled(one.request, other.request);
  await harness.inSession(async (open) => {
    await open.query("begin");
    await open.query("select pg_current_xact_id()");
    await harness.update("customers", one.customer, { phone: "1" });
    await harness.ticks();
    await harness.settled(one.request);
    await harness.update("customers", other.customer, { phone: "2" });
    await harness.ticks();
    await open.query("rollback");
  });
  await harness.ticks();
  await harness.settled(one.request, other.request);
  const phones = (id: string) =>
    harness.calls(id).map(({ body }) => (body as { phone: string }).phone);
  expect(phones(other.request)).toEqual([CUSTOMER.phone, "2"]);
  expect(phones(one.request)).toEqual([CUSTOMER.phone, "1"]);
});
