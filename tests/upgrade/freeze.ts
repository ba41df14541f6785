/**
 * `npm run freeze`, once after `npm run migrations -- --release`: brings a stack of this release into every state that a later one
 * may meet, and keeps its rows and its function in tests/upgrade/<version>/. Refuses to write over what is kept.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { program } from "commander";
import type pg from "pg";
import { readKept, writeKept } from "../../scripts/local/data-dir.ts";
import { type Stack, startStack } from "../../scripts/local/stack.ts";
import { currentVersion, readReleases } from "../../scripts/migrations/releases.ts";
import { ROOT } from "../../scripts/sql-files.ts";
import { withClient } from "../../scripts/with-client.ts";
import { type Fixture, fixtureFolder, SCHEMAS } from "./fixture.ts";

const STATES = ["cancelled", "dead", "delivered", "in_flight", "pending", "superseded"];

const SIGNING_SECRET = `whsec_${Buffer.from("obviously fake, for the upgrade of old databases").toString("base64")}`;

program
  .name("npm run freeze")
  .description(
    "Keeps what this release leaves in a database, and its function, in tests/upgrade/<version>/: once, after npm run migrations -- --release.",
  )
  .parse();

const version = currentVersion();
if (!readReleases().some((release) => release.version === version)) {
  program.error(`${version} is not released yet: npm run migrations -- --release first`);
}
if (existsSync(fixtureFolder(version))) program.error(`${version} is frozen already`);
const dataDir = mkdtempSync(join(tmpdir(), "crm-sync-freeze-"));
chmodSync(dataDir, 0o711);
writeKept(dataDir, { ...readKept(dataDir), signingSecret: SIGNING_SECRET });
const stack = await startStack({ dataDir, fast: true });
try {
  const fixture = await withClient(stack.databaseUrl, async (client) => {
    await live(client, stack);
    return read(client);
  });
  mkdirSync(fixtureFolder(version), { recursive: true });
  writeFileSync(join(fixtureFolder(version), "data.json"), `${JSON.stringify(fixture, null, 1)}\n`);
  cpSync(join(ROOT, "supabase/functions/crm-sync"), join(fixtureFolder(version), "function"), {
    recursive: true,
    filter: (path) => !path.endsWith("database.types.ts"),
  });
  console.log(`kept ${version} in ${fixtureFolder(version)}`);
} finally {
  await stack.stop();
  rmSync(dataDir, { recursive: true });
}

async function live(
  client: pg.Client,
  { databaseUrl, receiver, cronRunner, netWorker }: Stack,
): Promise<void> {
  if (!receiver || !cronRunner || !netWorker) throw new Error("npm run freeze wants its own stack");
  const lead = (name: string) =>
    client.query(`insert into leads (email, firstname) values ('${name}@example.test', 'Fixture')`);

  for (const name of ["ada", "bob", "zoé"]) await lead(name);
  await client.query(`
    insert into customers (id, email, full_name) values ('20000000-0000-4000-8000-000000000001', 'eva@example.test', 'Eva Example');
    insert into requests (id, customer_id, address, status)
    values ('30000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', '1 rue Example', 'submitted');
    insert into payments (request_id, stripe_session_id, amount, currency)
    values ('30000000-0000-4000-8000-000000000001', 'cs_test_example', 12900, 'eur');
    insert into orders (order_number, client_name, quantity, unit_price, total_amount, status)
    values ('CMD-000001', 'Eva Example', 1, 10, 10, 'confirmed')`);
  await until(client, "count(*) filter (where status = 'delivered') >= 6");

  receiver.respondWith({ bodyIncludes: "dead@", status: 422 });
  receiver.respondWith({ bodyIncludes: "late@", status: 503 });
  await lead("dead");
  await lead("late");
  await until(client, "count(*) filter (where status = 'dead') = 1");
  await until(client, "count(*) filter (where attempt_count > 0 and status = 'pending') = 1");

  await client.query("select crm_sync.pause('monelec', 'fixture')");
  await lead("newest");
  for (const phone of ["0102030405", "0102030406"]) {
    await client.query("update leads set phone = $1 where email = 'newest@example.test'", [phone]);
  }
  await lead("given-up");
  await client.query(
    `select crm_sync.cancel(array(select delivery_id from crm_sync.deliveries join leads on leads.id::text = row_id
     where email = 'given-up@example.test'), 'fixture')`,
  );
  await client.query("select crm_sync.resume('monelec')");
  await until(client, "count(*) filter (where status = 'superseded') >= 1");
  await client.query("select crm_sync.pause('elementor', 'fixture')");
  await client.query(
    `insert into orders (order_number, client_name, quantity, unit_price, total_amount, status)
     values ('CMD-000002', 'Eva Example', 1, 10, 10, 'confirmed')`,
  );

  // From here on nobody reads an answer: it lies there when the upgrade comes.
  await cronRunner.stop();
  await lead("answered");
  await answered(client);
  // And nobody sends: it lies in the queue.
  await netWorker.stop();
  await lead("queued");
  await client.query("update leads set phone = '0102030407' where email = 'queued@example.test'");
  await client.query("update customers set phone = '0102030408'");
  await withClient(databaseUrl, async (other) => {
    await other.query("begin; lock table crm_sync.deliveries in access exclusive mode");
    await lead("not-captured");
    await other.query("rollback");
  });
  const { rows } = await client.query<{ status: string }>(
    "select distinct status from crm_sync.deliveries order by 1",
  );
  const states = rows.map(({ status }) => status);
  if (states.join() !== STATES.join()) throw new Error(`only ${states.join()} came about`);
}

async function read(client: pg.Client): Promise<Fixture> {
  const tables: Record<string, string> = {};
  const { rows: names } = await client.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = any ($1) order by 1`,
    [SCHEMAS],
  );
  for (const { name } of names) {
    const { rows } = await client.query<{ rows: string | null }>(
      `select json_agg(to_json(one))::text as rows from ${name} as one`,
    );
    if (rows[0]?.rows) tables[name] = rows[0].rows;
  }
  const { rows: sequences } = await client.query<{ name: string; last_value: string }>(
    `select format('%I.%I', schemaname, sequencename) as name, last_value from pg_sequences
     where schemaname = any ($1) and last_value is not null order by 1`,
    [SCHEMAS],
  );
  const { rows: jobs } = await client.query<Fixture["jobs"][number]>(
    "select jobname, schedule, command from cron.job order by jobname",
  );
  return {
    signingSecret: SIGNING_SECRET,
    jobs,
    tables,
    sequences: Object.fromEntries(sequences.map(({ name, last_value }) => [name, last_value])),
  };
}

async function until(client: pg.Client, condition: string): Promise<void> {
  await poll(client, `select ${condition} as holds from crm_sync.deliveries`, condition);
}

async function answered(client: pg.Client): Promise<void> {
  await poll(
    client,
    `select exists (select from net._http_response as answers join crm_sync.envelopes on envelopes.request_id = answers.id
     where envelopes.status = 'in_flight') as holds`,
    "an answer nobody has read",
  );
}

async function poll(client: pg.Client, sql: string, name: string): Promise<void> {
  for (const limit = Date.now() + 60_000; ; await sleep(100)) {
    const { rows } = await client.query<{ holds: boolean }>(sql);
    if (rows[0]?.holds) return;
    if (Date.now() > limit) {
      const { rows: log } = await client.query(
        "select delivery_id, route, status, last_error from crm_sync.delivery_log",
      );
      throw new Error(`did not come about: ${name}\n${JSON.stringify(log, null, 1)}`);
    }
  }
}
