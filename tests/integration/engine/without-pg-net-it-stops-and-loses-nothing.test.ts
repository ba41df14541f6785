import { readFileSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";
import { expect, it } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { createTestDatabase } from "../../support/database.ts";
import { ENGINE, openSession } from "../../support/engine.ts";
import { statuses, tick } from "./two-sessions.ts";

it("stops, and sends what was under way under its old key once pg_net is back", async () => {
  const database = await createTestDatabase(ENGINE);
  const client = await openSession(database);
  await client.query("select crm_sync.start()");
  await client.query("insert into leads (email) values ('ada@example.test')");
  const sent = await keysInQueue(client);
  expect(sent).toHaveLength(1);

  await withClient(database.superuserUrl, (superuser) =>
    superuser.query("alter schema net rename to gone"),
  );
  const { rows } = await client.query("select is_running from crm_sync.stop()");
  expect(rows).toEqual([{ is_running: false }]);
  expect((await client.query("select jobname from cron.job")).rows).toEqual([]);
  expect(await statuses(client)).toEqual(["in_flight"]);

  // As after create extension: empty, and its ids begin again.
  await withClient(database.superuserUrl, (superuser) =>
    superuser.query(
      "alter schema gone rename to net; truncate net.http_request_queue, net._http_response restart identity",
    ),
  );
  await client.query("select crm_sync.start()");
  await tick(client);
  expect(await statuses(client)).toEqual(["pending"]);
  await tick(client, "1 minute");
  expect(await keysInQueue(client)).toEqual(sent);
});

it("can be uninstalled, and nothing under way is thrown away unasked", async () => {
  const database = await createTestDatabase(ENGINE);
  const client = await openSession(database);
  await client.query("insert into leads (email) values ('ada@example.test')");
  await withClient(database.superuserUrl, (superuser) =>
    superuser.query("alter schema net rename to gone"),
  );
  await client.query("select crm_sync.stop()");
  const uninstall = readFileSync(join(ROOT, "sql/ops/uninstall.sql"), "utf8");
  await expect(client.query(uninstall)).rejects.toMatchObject({
    code: "CS033",
    message: "not everything has arrived: 1 in_flight",
  });
  await client.query("set crm_sync.discard = 'yes'");
  await client.query(uninstall);
  const { rows } = await client.query("select to_regnamespace('crm_sync') as ours");
  expect(rows).toEqual([{ ours: null }]);
});

/** The idempotency keys of the deliveries that wait in pg_net. */
async function keysInQueue(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ key: string }>(`
    select delivery ->> 'idempotency_key' as key
    from net.http_request_queue as queue
    cross join jsonb_array_elements(convert_from(queue.body, 'UTF8')::jsonb -> 'deliveries') as delivery`);
  return rows.map(({ key }) => key);
}
