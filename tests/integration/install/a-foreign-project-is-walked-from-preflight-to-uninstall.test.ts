/**
 * A project of somebody else's, with its own migrations, French tables, triggers and a Database Webhook, gets crm-sync as its first
 * release was, goes live, is upgraded, and gets rid of it. Step by step, in this order: `npm run test:foreign-project`.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { diffCatalogs, readCatalog } from "../../../scripts/catalog.ts";
import { type Closers, openClosers } from "../../../scripts/local/closers.ts";
import { startCronRunner } from "../../../scripts/local/cron-runner.ts";
import { type FunctionServer, startFunction } from "../../../scripts/local/function-server.ts";
import { startNetWorker } from "../../../scripts/local/net-worker.ts";
import { type Receiver, startReceiver } from "../../../scripts/local/receiver/index.ts";
import { envOf } from "../../../scripts/local/stack.ts";
import { currentVersion, readReleases } from "../../../scripts/migrations/releases.ts";
import { ROOT } from "../../../scripts/sql-files.ts";
import { pushMigrations } from "../../../scripts/supabase-cli.ts";
import { createTestDatabase } from "../../support/database.ts";
import { fixtureFolder } from "../../upgrade/fixture.ts";
import { script } from "../stack/stack.ts";

const SECRET = `whsec_${Buffer.from("obviously fake, for a foreign project").toString("base64")}`;
const SCHEMAS = ["public", "crm_sync", "extensions", "cron", "net", "vault", "supabase_functions"];
const FIRST = readReleases()[0]?.version as string;

/** As Supabase has it, but for the request itself, which goes nowhere. */
const WEBHOOK = `
create schema supabase_functions;
create function supabase_functions.http_request() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger "prospects vers le CRM" after insert on public.prospects
for each row execute function supabase_functions.http_request('http://127.0.0.1:9/', 'POST', '{}', '{}', '5000');
`;

interface Report {
  isReady: boolean;
  routes: { route: string; sql: string }[];
}

const closers: Closers = openClosers();
const project = mkdtempSync(join(tmpdir(), "crm-sync-walk-"));
closers.add("project", () => rmSync(project, { recursive: true }));
let client: pg.Client;
let url: string;
let receiver: Receiver;
let report: Report;
let before: string[];

beforeAll(async () => {
  const tables = readFileSync(new URL("foreign-project.sql", import.meta.url), "utf8");
  // What the receiver's stand-in takes for an id.
  migration(
    "20250101000000_tables",
    tables.replace("bigint generated always as identity", "uuid default gen_random_uuid()"),
  );
  migration("20250601000000_webhook", WEBHOOK);
  writeFileSync(join(project, "supabase/config.toml"), 'project_id = "theirs"\n');
  const database = await createTestDatabase();
  url = database.postgresUrl;
  await pushMigrations(url, { workdir: project });
  client = new pg.Client({ connectionString: url });
  await client.connect();
  closers.add("session", () => client.end());
  receiver = await startReceiver();
  closers.add("receiver", receiver.stop);
  const netWorker = startNetWorker({ url: database.superuserUrl });
  closers.add("net worker", netWorker.stop);
  const cronRunner = startCronRunner({ url: database.superuserUrl });
  closers.add("cron runner", cronRunner.stop);
  await Promise.all([netWorker.ready, cronRunner.ready]);
  before = await readCatalog(client, SCHEMAS);
});

afterAll(() => closers.closeAll());

describe("look", () => {
  it("preflight finds their tables, the webhook and nothing in the way", async () => {
    const { stdout } = await script("preflight.ts", [url, "--json"]);
    report = JSON.parse(stdout) as Report;
    expect(report.isReady).toBe(true);
    expect((await script("preflight.ts", [url])).stdout).toMatch(
      /prospects vers le CRM +supabase_functions\.http_request +sends by itself/,
    );
    expect(diffCatalogs(before, await readCatalog(client, SCHEMAS))).toEqual([]);
  });
});

describe("install", () => {
  it(`migrations and function of ${FIRST}, as they were released`, async () => {
    await script("add-to.ts", [project, "--next"]);
    keepOnly(FIRST);
    await pushMigrations(url, { workdir: project });
    expect(await value("select crm_sync.version()")).toBe(FIRST);
    await deploy(join(fixtureFolder(FIRST), "function"));
  });

  it("the proposed calls are a migration of theirs, with the one word that only they know", async () => {
    const calls = report.routes.map(({ route, sql }) =>
      route === "order_confirmation"
        ? sql
            .slice(sql.indexOf("-- select"))
            .replace(/^-- ?/gm, "")
            .replace(/in \([^)]*\)/g, "in ('livrée')")
        : sql,
    );
    migration("21010101000000_attach", calls.join("\n\n"));
    await pushMigrations(url, { workdir: project });
    expect(
      await values("select route || ' ' || table_name from crm_sync.attachments order by route"),
    ).toEqual([
      "lead public.prospects",
      "order_confirmation public.commandes",
      "payment_intent public.paiements",
      "payment_session public.paiements",
      "payment_status public.paiements",
      "request public.demandes",
    ]);
  });
});

describe("shadow", () => {
  it("what the application writes is captured and mapped, and nobody is called", async () => {
    await write("shadow");
    expect(await routesWith("pending")).toEqual([
      "lead",
      "order_confirmation",
      "payment_session",
      "request",
    ]);
    await client.query("select crm_sync.tick()");
    const lead = await value(
      "select id::text from prospects where courriel = 'shadow@example.test'",
    );
    const dryRun = await value(
      `select dry_run_id from crm_sync.dry_run('public.prospects', '${lead}')`,
    );
    await until(`select would = 'send' from crm_sync.dry_run_result('${dryRun}')`);
    expect(
      await value(`select payload ->> 'email' from crm_sync.dry_run_result('${dryRun}')`),
    ).toBe("xxxxxx@xxxxxxx.xxxx");
    expect(receiver.calls).toEqual([]);
  });
});

describe("change over", () => {
  it("what the application has told itself is given up, and its webhook goes", async () => {
    await client.query("begin");
    await client.query('drop trigger "prospects vers le CRM" on prospects');
    await client.query(
      `select from crm_sync.cancel(array(select delivery_id from crm_sync.delivery_log where status = 'pending'), 'told by the application')`,
    );
    await client.query("select crm_sync.start()");
    await client.query("commit");
    expect(await routesWith("pending")).toEqual([]);
  });

  it("a marked test delivery of one route arrives", async () => {
    await client.query("select crm_sync.test_delivery('lead')");
    await until(
      "select bool_and(status <> 'pending' and status <> 'in_flight') from crm_sync.delivery_log",
    );
    expect(receiver.calls.map(({ path, status }) => [path, status])).toEqual([
      ["/api/external/leads", 201],
    ]);
  });

  it("then all of them", async () => {
    await write("live");
    await settled();
    expect(await routesWith("delivered")).toEqual([
      "lead",
      "order_confirmation",
      "payment_session",
      "request",
    ]);
    expect(receiver.calls.map(({ text }) => text).join()).not.toContain("shadow@example.test");
    expect(await unwell()).toEqual([]);
  });
});

describe("upgrade", () => {
  it("add-to copies what is new, and it is pushed while deliveries wait, are under way and are dead", async () => {
    receiver.respondWith({ path: "/leads", bodyIncludes: "dead@", status: 422 });
    await write("dead");
    await until("select count(*) > 0 from crm_sync.delivery_log where status = 'dead'");
    receiver.setLatency(7_000);
    await write("under-way");
    const underWay = () =>
      value("select count(*) > 0 from crm_sync.delivery_log where status = 'in_flight'");
    expect(await underWay()).toBe(true);
    await script("add-to.ts", [project, "--next"]);
    await pushMigrations(url, { workdir: project });
    expect(await underWay()).toBe(true);
    receiver.setLatency(0);
    expect(await value("select crm_sync.version()")).toBe(currentVersion());
    await settled();
    expect(await routesWith("dead")).toEqual(["lead"]);
  });

  it("the newest function follows, and what was dead is sent", async () => {
    await deploy(join(project, "supabase/functions/crm-sync"));
    receiver.clearFaults();
    await client.query("select from crm_sync.redeliver_dead('lead', p_count_only => false)");
    await write("after");
    await settled();
    expect(await routesWith("dead")).toEqual([]);
    for (const name of ["live", "dead", "under-way", "after"]) {
      const calls = receiver.calls.filter(
        ({ path, text, status }) =>
          path.endsWith("/leads") && text.includes(`"${name}@`) && status === 201,
      );
      expect([name, calls.length]).toEqual([name, 1]);
    }
    expect(await unwell()).toEqual([]);
    expect(receiver.violations).toEqual([]);
  });
});

describe("undo", () => {
  const uninstall = readFileSync(join(ROOT, "sql/ops/uninstall.sql"), "utf8");
  let writer: Awaited<ReturnType<typeof keepWriting>>;

  it("stop() alone is no way out while their tables are written to", async () => {
    writer = await keepWriting();
    await client.query("select crm_sync.stop()");
    await until("select count(*) > 0 from crm_sync.delivery_log where status = 'pending'");
    await expect(client.query(uninstall)).rejects.toMatchObject({
      message: expect.stringMatching(/^not everything has arrived: .*\d+ pending$/),
      hint: expect.stringContaining("crm_sync.detach("),
    });
    await client.query("select crm_sync.start()");
  });

  it("detached tables capture no more, and what was captured arrives", async () => {
    const tables = await values("select distinct table_name from crm_sync.attachments order by 1");
    expect(tables).toEqual([
      "public.commandes",
      "public.demandes",
      "public.paiements",
      "public.prospects",
    ]);
    for (const table of tables) await client.query("select crm_sync.detach($1)", [table]);
    await settled();
    const count = await value("select count(*) from crm_sync.delivery_log");
    const written = writer.count();
    while (writer.count() < written + 3) await sleep(20);
    expect(await value("select count(*) from crm_sync.delivery_log")).toBe(count);
  });

  it("what is under way at stop() is settled by a tick once it is answered", async () => {
    receiver.setLatency(3_000);
    const told = receiver.calls.length;
    await client.query("select crm_sync.test_delivery('lead')");
    while (receiver.calls.length === told) await sleep(20);
    await client.query("select crm_sync.stop()");
    await expect(client.query(uninstall)).rejects.toMatchObject({
      message: "not everything has arrived: 1 in_flight",
    });
    const left = "select count(*)::int from crm_sync.delivery_log where status = 'in_flight'";
    for (; (await value(left)) === 1; await sleep(200)) {
      await client.query("select crm_sync.tick()");
    }
    expect(
      await value("select status from crm_sync.delivery_log order by delivery_id desc limit 1"),
    ).toBe("delivered");
    receiver.setLatency(0);
  });

  it("leaves what was there before, less the webhook that they dropped, and every row of theirs", async () => {
    await client.query(uninstall);
    await writer.stop();
    await client.query(WEBHOOK.slice(WEBHOOK.indexOf("create trigger")));
    expect(diffCatalogs(before, await readCatalog(client, SCHEMAS))).toEqual([]);
    expect(await values("select jobname from cron.job")).toEqual([]);
    expect(await values("select name from vault.secrets where name like 'crm%'")).toEqual([]);
    expect(
      await values("select distinct split_part(courriel, '@', 1) from prospects order by 1"),
    ).toEqual(["ada", "after", "bob", "busy", "dead", "live", "shadow", "under-way"]);
    await write("without-us");
  });
});

/** Their application goes on, some fifty rows a second; `stop` throws what one of its writes has thrown. */
async function keepWriting(): Promise<{ count: () => number; stop: () => Promise<void> }> {
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  closers.add("writer", () => session.end());
  let count = 0;
  let isOver = false;
  const written = (async () => {
    for (; !isOver; await sleep(20)) {
      await session.query("insert into prospects (courriel) values ('busy@example.test')");
      count += 1;
    }
  })();
  written.catch(() => undefined);
  return {
    count: () => count,
    stop: () => {
      isOver = true;
      return written;
    },
  };
}

function migration(name: string, sql: string): void {
  const folder = join(project, "supabase/migrations");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.sql`), sql);
}

/** Takes the migrations of later releases out again, as if they had not been written yet. */
function keepOnly(version: string): void {
  const files = readReleases().find((release) => release.version === version)?.migrations ?? {};
  const names = new Set(Object.keys(files).map((file) => file.replace(/^\d+_/, "")));
  const folder = join(project, "supabase/migrations");
  for (const file of readdirSync(folder)) {
    if (file.includes("_crm_sync") && !names.has(file.replace(/^\d+_/, "")))
      rmSync(join(folder, file));
  }
}

let deployed: FunctionServer | null = null;

/** In place of the one before, as on the platform; where that is, Vault says. */
async function deploy(folder: string): Promise<void> {
  if (!folder.startsWith(ROOT)) folder = withinReachOfNodeModules(folder);
  const next = await startFunction({
    folder,
    env: { ...envOf(receiver), CRM_SYNC_SIGNING_SECRET: SECRET },
  });
  closers.add("function", next.stop);
  await client.query(
    `select vault.create_secret($1, 'crm_sync_signing_secret') where not exists (select from vault.secrets where name = 'crm_sync_signing_secret')`,
    [SECRET],
  );
  await client.query("delete from vault.secrets where name = 'crm_sync_function_url'");
  await client.query("select vault.create_secret($1, 'crm_sync_function_url')", [next.url]);
  await deployed?.stop();
  deployed = next;
}

/** Deno looks for packages in the folders above; theirs has none. */
function withinReachOfNodeModules(folder: string): string {
  const copy = mkdtempSync(join(ROOT, ".crm-sync/walk-"));
  closers.add("copy of the function", () => rmSync(copy, { recursive: true }));
  cpSync(folder, copy, { recursive: true });
  return copy;
}

/** What their application does for one customer, whose email begins so. */
async function write(name: string): Promise<void> {
  await client.query(
    "insert into prospects (courriel, prenom, nom, code_postal) values ($1, 'Eva', 'Example', '01000')",
    [`${name}@example.test`],
  );
  await client.query(
    `with customer as (insert into clients (email, nom_complet) values ($1, 'Eva Example') returning id),
     request as (insert into demandes (client_id, adresse, statut) select id, '1 rue Example', 'envoyée' from customer returning id)
     insert into paiements (demande_id, stripe_session_id, montant, devise, statut)
     select id, 'cs_test_' || $2, 9900, 'eur', 'pending' from request`,
    [`${name}@example.test`, name],
  );
  await client.query(
    "insert into commandes (numero, nom_client, produit, quantite, prix_unitaire, total, statut) values ($1, 'Eva Example', 'coffret', 1, 10, 10, 'livrée')",
    [`CMD-${name}`],
  );
}

async function settled(): Promise<void> {
  await until(
    "select count(*) = 0 from crm_sync.delivery_log where status in ('pending', 'in_flight')",
  );
}

async function until(sql: string): Promise<void> {
  for (const limit = Date.now() + 40_000; ; await sleep(100)) {
    if ((await value(sql)) === true) return;
    if (Date.now() > limit) {
      const left = await values(
        "select row_to_json(deliveries)::text from crm_sync.deliveries where finished_at is null",
      );
      throw new Error(`did not come about: ${sql}\n${left.join("\n")}`);
    }
  }
}

async function routesWith(status: string): Promise<unknown[]> {
  return values(
    `select distinct route from crm_sync.delivery_log where status = '${status}' and operation <> 'TEST' order by 1`,
  );
}

async function unwell(): Promise<unknown[]> {
  return values("select check_name || ': ' || detail from crm_sync.health() where level <> 'ok'");
}

async function value(sql: string): Promise<unknown> {
  return (await values(sql))[0];
}

async function values(sql: string): Promise<unknown[]> {
  const { rows } = await client.query({ text: sql, rowMode: "array" });
  return rows.map((row: unknown[]) => row[0]);
}
