/** Databases as each release left them, in use, with deliveries in every state: upgraded, compared, and delivered to the end. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { diffCatalogs, readCatalog } from "../../scripts/catalog.ts";
import { startFunction } from "../../scripts/local/function-server.ts";
import { startNetWorker } from "../../scripts/local/net-worker.ts";
import { type Receiver, startReceiver } from "../../scripts/local/receiver/index.ts";
import { envOf } from "../../scripts/local/stack.ts";
import { currentVersion } from "../../scripts/migrations/releases.ts";
import { pushMigrations } from "../../scripts/supabase-cli.ts";
import { withClient } from "../../scripts/with-client.ts";
import { createTestDatabase } from "../support/database.ts";
import { fixtureFolder, frozenVersions, loadFixture, pushRelease, readFixture } from "./fixture.ts";

/** Set once, by whoever installs; a new release may add rows, and change none. */
const SETTINGS = ["routes", "destinations", "settings", "attachments", "related_attachments"];

/** Conditions that the sample tables' own migration has stated anew since, on purpose. */
const STATED_ANEW: Record<string, string> = {
  "new.status <> 'draft'": "crm_sync.is_present(new.status) and new.status <> 'draft'",
};

describe.each(frozenVersions())("%s", (version) => {
  it("loses nothing: every row is there afterwards, with every value that it had", async () => {
    const { client, upgrade } = await openRelease(version);
    const before = await rowsOf(client, version);
    await upgrade();
    const after = await rowsOf(client, version);
    for (const [table, rows] of Object.entries(before)) {
      expect([table, rows.length]).not.toEqual([table, 0]);
      const wanted = rows.map((row) => {
        const { condition } = row;
        const anew = table === "crm_sync.attachments" && STATED_ANEW[String(condition)];
        return expect.objectContaining(anew ? { ...row, condition: anew } : row);
      });
      expect(after[table], table).toEqual(wanted);
    }
    expect(await value(client, "select crm_sync.version()")).toBe(currentVersion());
  });

  it("is then what a fresh install is: objects, grants, comments, routes and jobs", async () => {
    const { client, upgrade } = await openRelease(version);
    await upgrade();
    const { postgresUrl } = await createTestDatabase();
    await pushMigrations(postgresUrl);
    await withClient(postgresUrl, async (fresh) => {
      await fresh.query(
        "select vault.create_secret('http://functions.test/', 'crm_sync_function_url')",
      );
      await fresh.query("select crm_sync.start()");
      const [wanted, found] = await Promise.all(
        [fresh, client].map((one) => readCatalog(one, ["crm_sync", "public"])),
      );
      expect(diffCatalogs(wanted ?? [], found ?? [])).toEqual([]);
      for (const sql of [
        "select route, kind, destination, position, test_record from crm_sync.routes order by position",
        "select jobname, schedule, command from cron.job order by jobname",
        "select table_name, route, attached_table::text from crm_sync.attachments order by 1, 2",
        ...SETTINGS.map((table) => `select count(*) from crm_sync.${table}`),
      ]) {
        expect((await client.query(sql)).rows, sql).toEqual((await fresh.query(sql)).rows);
      }
    });
  });

  it("delivers what waited, was under way and could not be captured, once each, by the newest function", async () => {
    const { client, receiver, upgrade, serve } = await openRelease(version);
    await serve();
    await upgrade();
    await client.query("select crm_sync.resume('elementor')");
    await settled(client);
    for (const [name, count] of [
      // Its answer lay there unread.
      ["answered", 0],
      ["late", 1],
      ["not-captured", 1],
    ] as const) {
      expect([name, callsOf(receiver, name)]).toEqual([name, count]);
    }
    // Its request was signed too long ago: signed anew, and as it is by now.
    expect(callsOf(receiver, "queued")).toBe(1);
    expect(receiver.calls.filter(({ text }) => text.includes("0102030407"))).toHaveLength(1);
    expect(receiver.calls.filter(({ text }) => text.includes("CMD-000002"))).toHaveLength(1);
    expect(receiver.calls.filter(({ text }) => text.includes("0102030408"))).not.toEqual([]);
    expect(
      await value(client, "select count(*)::int from crm_sync.deliveries where status = 'dead'"),
    ).toBe(1);
    await client.query("select from crm_sync.redeliver_dead('lead', p_count_only => false)");
    await settled(client);
    expect(callsOf(receiver, "dead")).toBe(1);
    const keys = receiver.calls.map(({ idempotencyKey }) => idempotencyKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(receiver.violations).toEqual([]);
    expect(await value(client, "select count(*)::int from crm_sync.faults")).toBe(0);
  });

  it("stays stopped where it was stopped, and starts with the jobs of the newest", async () => {
    const { client, upgrade } = await openRelease(version);
    await client.query("select crm_sync.stop()");
    await upgrade();
    expect(await value(client, "select is_running from crm_sync.settings")).toBe(false);
    expect(await value(client, "select count(*)::int from cron.job")).toBe(0);
    await client.query("select crm_sync.start()");
    expect((await client.query("select jobname, command from cron.job order by 1")).rows).toEqual(
      (await client.query("select job as jobname, command from crm_sync._wanted_jobs() order by 1"))
        .rows,
    );
  });

  it("comes along where pg_cron is not there any more, and says so", async () => {
    const { client, superuserUrl, upgrade } = await openRelease(version);
    await withClient(superuserUrl, (admin) => admin.query("drop schema cron cascade"));
    await upgrade();
    expect(await value(client, "select crm_sync.version()")).toBe(currentVersion());
    expect(await value(client, "select count(*)::int from crm_sync.faults")).toBe(0);
    expect(
      await value(client, "select level from crm_sync.health() where check_name = 'platform'"),
    ).toBe("error");
  });

  it("its function serves the newest database", async () => {
    const { client, receiver, upgrade, serve } = await openRelease(version);
    await upgrade();
    await serve(join(fixtureFolder(version), "function"));
    await settled(client);
    await client.query("insert into leads (email) values ('fresh@example.test')");
    await settled(client);
    expect(callsOf(receiver, "fresh")).toBe(1);
    expect(await statusOf(client, "fresh")).toEqual(["delivered", 1]);
  });

  it("its database is served by the newest function", async () => {
    const { client, receiver, serve } = await openRelease(version);
    await serve();
    await settled(client);
    await client.query("insert into leads (email) values ('fresh@example.test')");
    await settled(client);
    expect(callsOf(receiver, "fresh")).toBe(1);
    expect(await statusOf(client, "fresh")).toEqual(["delivered", 1]);
  });
});

/** A database as this release left it; nothing sends or ticks there until asked to. */
async function openRelease(version: string) {
  const receiver = await startReceiver();
  onTestFinished(receiver.stop);
  const { postgresUrl, superuserUrl } = await createTestDatabase({
    name: `release_${version.replaceAll(".", "_")}`,
    build: async (database) => {
      await pushRelease(database.postgresUrl, version);
      await withClient(database.superuserUrl, (admin) =>
        loadFixture(admin, readFixture(version), "http://127.0.0.1:9/"),
      );
    },
  });
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  onTestFinished(() => client.end());
  // A clone, which by its own account is another database than the one that was started.
  await client.query("update crm_sync.settings set started_on = crm_sync._server_identity()");
  await withClient(superuserUrl, (admin) =>
    admin.query("update cron.job set database = current_database()"),
  );

  /** Sends, by the newest function or one of another folder. */
  async function serve(folder?: string): Promise<void> {
    const { signingSecret } = readFixture(version);
    const server = await startFunction({
      ...(folder && { folder }),
      env: { ...envOf(receiver), CRM_SYNC_SIGNING_SECRET: signingSecret },
    });
    onTestFinished(server.stop);
    await client.query("delete from vault.secrets where name = 'crm_sync_function_url'");
    await client.query("select vault.create_secret($1, 'crm_sync_function_url')", [server.url]);
    await withClient(superuserUrl, (admin) =>
      admin.query("update net.http_request_queue set url = $1", [server.url]),
    );
    const worker = startNetWorker({ url: superuserUrl });
    onTestFinished(worker.stop);
    await worker.ready;
    await client.query("select net.wake()");
  }

  return { client, superuserUrl, receiver, serve, upgrade: () => pushMigrations(postgresUrl) };
}

/** Ticks, hours later each time, until nothing waits but for what is paused. */
async function settled(client: pg.Client): Promise<void> {
  for (const limit = Date.now() + 40_000; ; await sleep(100)) {
    await client.query("select from crm_sync.tick()");
    await client.query(
      "update crm_sync.deliveries set next_attempt_at = now() where status = 'pending' and next_attempt_at > now()",
    );
    const { rows } = await client.query(
      `select delivery_id, status, last_error_code, last_error from crm_sync.deliveries
       where status in ('pending', 'in_flight') and destination not in (select destination from crm_sync.destinations where is_paused)
       union all
       select capture_failure_id, 'not captured', sql_state, detail from crm_sync.capture_failures
       union all
       select null, 'not looked at', row_id, null from crm_sync.related_changes`,
    );
    if (rows.length === 0) return;
    if (Date.now() > limit) throw new Error(`not settled: ${JSON.stringify(rows)}`);
  }
}

/** By table, in the order of their text. */
type Row = Record<string, unknown>;

async function rowsOf(client: pg.Client, version: string): Promise<Record<string, Row[]>> {
  const rows: Record<string, Row[]> = {};
  for (const table of Object.keys(readFixture(version).tables)) {
    const { rows: found } = await client.query<{ row: Row }>(
      `select to_jsonb(one) as row from ${table} as one order by 1`,
    );
    rows[table] = found.map(({ row }) => row);
  }
  return rows;
}

function callsOf(receiver: Receiver, name: string): number {
  return receiver.calls.filter(({ text }) => text.includes(`"${name}@`)).length;
}

async function statusOf(client: pg.Client, name: string): Promise<unknown[]> {
  const { rows } = await client.query(
    `select status, attempt_count from crm_sync.delivery_log join leads on leads.id::text = row_id where email = $1`,
    [`${name}@example.test`],
  );
  return Object.values(rows[0] ?? {});
}

async function value(client: pg.Client, sql: string): Promise<unknown> {
  const { rows } = await client.query({ text: sql, rowMode: "array" });
  return rows[0]?.[0];
}
