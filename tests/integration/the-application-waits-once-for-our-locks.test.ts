/** Promise 3: whatever somebody locks of ours, a transaction waits 200 ms in all, its writes go on, and nothing is lost. */
import pg from "pg";
import { expect, test } from "vitest";
import { installFromSource } from "../../scripts/migrations.ts";
import { createTestDatabase } from "../support/database.ts";

const installed = {
  name: "installed",
  build: ({ postgresUrl }: { postgresUrl: string }) => installFromSource(postgresUrl),
};
const CUSTOMER = "20000000-0000-4000-8000-000000000001";
const REQUEST = "30000000-0000-4000-8000-000000000001";

async function withSessions(
  work: (application: pg.Client, administrator: pg.Client) => Promise<void>,
): Promise<void> {
  const { postgresUrl } = await createTestDatabase(installed);
  const clients = [0, 1].map(() => new pg.Client({ connectionString: postgresUrl }));
  const [application, administrator] = clients as [pg.Client, pg.Client];
  await Promise.all(clients.map((client) => client.connect()));
  try {
    await administrator.query(`
      select vault.create_secret('https://fake.example/crm-sync', 'crm_sync_function_url');
      select vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
      update crm_sync.settings set is_running = true`);
    await work(application, administrator);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

async function millisecondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function whileLocked(administrator: pg.Client, tables: string, work: () => Promise<void>) {
  await administrator.query(`begin; lock table ${tables} in access exclusive mode`);
  await work();
  await administrator.query("rollback");
}

async function captured(client: pg.Client): Promise<number> {
  const { rows } = await client.query("select count(*)::int as count from crm_sync.deliveries");
  return rows[0].count;
}

test("ten statements wait once for a locked ledger, and the tick captures them", async () => {
  await withSessions(async (application, administrator) => {
    await whileLocked(administrator, "crm_sync.deliveries", async () => {
      const took = await millisecondsOf(() =>
        application.query(`
          begin;
          ${"insert into leads (email) values ('ada@example.test');".repeat(10)}
          commit`),
      );
      // Ten waits would take 2 s.
      expect(took).toBeGreaterThan(190);
      expect(took).toBeLessThan(1_000);
    });
    await administrator.query("select crm_sync.tick()");
    expect(await captured(administrator)).toBe(10);
  });
});

test("a commit waits once for the tables that its records are joined from", async () => {
  await withSessions(async (application, administrator) => {
    await application.query(`
      insert into customers (id, email) values ('${CUSTOMER}', 'ada@example.test');
      insert into requests (id, customer_id, status) values ('${REQUEST}', '${CUSTOMER}', 'submitted');
      update crm_sync.deliveries set status = 'delivered', envelope_id = null, finished_at = now()`);
    await whileLocked(administrator, "customers", async () => {
      const took = await millisecondsOf(() =>
        application.query(`
          begin;
          insert into payments (request_id, amount, stripe_session_id, status) values ('${REQUEST}', 100, 'cs_1', 'succeeded');
          insert into payments (request_id, amount, stripe_payment_intent_id) values ('${REQUEST}', 100, 'pi_1');
          update requests set city = 'Lyon';
          commit`),
      );
      // Four records are read from it: session, status, intent, request.
      expect(took).toBeLessThan(600);
    });
    expect(await captured(administrator)).toBe(5);
  });
});

test("what can be neither captured nor stored is found by the tick", async () => {
  await withSessions(async (application, administrator) => {
    await application.query("insert into leads (email) values ('known@example.test')");
    const all =
      "crm_sync.deliveries, crm_sync.capture_failures, crm_sync.related_changes, crm_sync.faults";
    await application.query("begin");
    await whileLocked(administrator, all, async () => {
      const took = await millisecondsOf(() =>
        application.query(
          "insert into leads (email) values ('ada@example.test'), ('eve@example.test')",
        ),
      );
      expect(took).toBeLessThan(600);
    });
    // Noted, but not yet to be seen.
    await administrator.query("select crm_sync.tick()");
    expect(await captured(administrator)).toBe(1);
    await application.query("commit");
    await administrator.query("select crm_sync.tick()");
    expect(await captured(administrator)).toBe(3);
    await administrator.query("select crm_sync.tick()");
    expect(await captured(administrator)).toBe(3);
  });
});

test("a table that somebody locks holds up the step that needs it, not the tick", async () => {
  await withSessions(async (application, administrator) => {
    await application.query("insert into leads (email) values ('ada@example.test')");
    // Under way: the tick looks for its answer.
    await administrator.query("begin; lock table net._http_response");
    // Under repeatable read a commit leaves it to the tick.
    await application.query(
      "begin isolation level repeatable read; insert into leads (email) values ('eve@example.test'); commit",
    );
    const { rows } = await application.query("select step, affected from crm_sync.tick()");
    expect(rows).toEqual([
      { step: "capture_missed", affected: 0 },
      { step: "capture_related", affected: 0 },
      { step: "reconcile", affected: null },
      { step: "dispatch", affected: 1 },
    ]);
    await administrator.query("rollback");
  });
});
