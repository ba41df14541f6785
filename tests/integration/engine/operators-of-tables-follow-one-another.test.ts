import type pg from "pg";
import { expect, it } from "vitest";
import { createTestDatabase } from "../../support/database.ts";
import { ENGINE, openSession } from "../../support/engine.ts";
import { openTwoSessions } from "./two-sessions.ts";

it("of two that detach at once, the second waits for the first", async () => {
  const { first, second } = await openTwoSessions();
  await first.query("begin");
  await first.query("select crm_sync.detach('public.leads')");
  const detached = answer(second, "select route from crm_sync.detach('public.orders')");
  await waiting(first, 1);
  await first.query("commit");
  expect(await detached).toEqual([{ route: "order_confirmation" }]);
  const { rows } = await first.query(
    "select route from crm_sync.attachments where table_name in ('public.leads', 'public.orders')",
  );
  expect(rows).toEqual([]);
});

it("who detaches while a rename is followed waits with nothing in hand", async () => {
  const database = await createTestDatabase(ENGINE);
  const [ticking, first, second] = await Promise.all([
    openSession(database),
    openSession(database),
    openSession(database),
  ]);
  await first.query("select crm_sync.attach('customers', 'lead', array['email'], 'new.id')");
  await first.query("alter table requests rename to claims");
  await ticking.query("begin; select from crm_sync.settings for no key update");
  const followed = answer(first, "select reattach as name from crm_sync.reattach()");
  await waiting(ticking, 1);
  const detached = answer(second, "select route from crm_sync.detach('customers', 'request')");
  await waiting(ticking, 2);
  await ticking.query("commit");
  expect(await followed).toContainEqual({ name: "public.claims" });
  expect(await detached).toEqual([]);
  const { rows } = await first.query("select from crm_sync.related_attachments");
  expect(rows).toEqual([]);
});

/** Rows, or what stood in the way. */
function answer(session: pg.Client, statement: string): Promise<unknown> {
  return session.query(statement).then(
    ({ rows }) => rows,
    ({ code, message }) => `${code} ${message}`,
  );
}

async function waiting(session: pg.Client, count: number): Promise<void> {
  await expect
    .poll(async () => (await session.query("select from pg_locks where not granted")).rowCount)
    .toBe(count);
}
