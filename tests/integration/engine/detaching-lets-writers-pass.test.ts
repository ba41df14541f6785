import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { createTestDatabase } from "../../support/database.ts";
import { ENGINE, openSession } from "../../support/engine.ts";

const WRITES = {
  customers: "insert into customers (email) values ('ada@example.test')",
  requests: "insert into requests (status) values ('draft')",
};

it.each([
  ["requests", "customers"],
  ["customers", "requests"],
] as const)("while %s is written, nobody who writes %s waits for long", async (busy, free) => {
  const database = await createTestDatabase(ENGINE);
  const [holder, writer, operator] = await Promise.all([
    openSession(database),
    openSession(database),
    openSession(database),
  ]);
  await holder.query(`begin; ${WRITES[busy]}`);
  // Both lose their triggers: customers count for the route request alone.
  const detached = operator.query("select route from crm_sync.detach('public.requests')");
  await sleep(1_300);
  // Behind a table that is kept while the other one is asked for, this would wait until it is had.
  const begun = performance.now();
  await writer.query(WRITES[free]);
  expect(performance.now() - begun).toBeLessThan(1_000);
  await holder.query("commit");
  expect((await detached).rows).toEqual([{ route: "request" }]);
  const { rows } = await writer.query(
    "select tgname from pg_trigger where tgrelid in ('customers'::regclass, 'requests'::regclass) and not tgisinternal",
  );
  expect(rows).toEqual([]);
});

it("waits for nobody where there is nothing to drop", async () => {
  const database = await createTestDatabase(ENGINE);
  const [holder, operator] = [await openSession(database), await openSession(database)];
  await operator.query("select crm_sync.detach('public.requests')");
  await holder.query(`begin; ${WRITES.requests}`);
  await operator.query("select crm_sync.detach('public.requests')");
  await holder.query("commit");
});

it("gives up after five tries, and nothing is detached", async () => {
  const database = await createTestDatabase(ENGINE);
  const [holder, operator] = [await openSession(database), await openSession(database)];
  await holder.query(`begin; ${WRITES.customers}`);
  await expect(operator.query("select crm_sync.detach('public.requests')")).rejects.toMatchObject({
    code: "55P03",
    message: "in use, no lock within 5 s: public.customers, public.requests",
    hint: expect.stringContaining("'{public.customers,public.requests}'::regclass[]"),
  });
  await holder.query("commit");
  const { rows } = await operator.query(
    "select route from crm_sync.attachments where table_name = 'public.requests'",
  );
  expect(rows).toEqual([{ route: "request" }]);
});
