import { readFileSync } from "node:fs";
import pg from "pg";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { diffCatalogs, readCatalog } from "../../../scripts/catalog.ts";
import { installFromSource } from "../../../scripts/migrations.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { parseJson } from "../../../supabase/functions/crm-sync/json.ts";
import { routeNamed } from "../../../supabase/functions/crm-sync/routes.ts";
import { createTestDatabase } from "../../support/database.ts";
import { script } from "../stack/stack.ts";

interface Report {
  isReady: boolean;
  checks: { check: string; level: string; detail: string; mend: string | null }[];
  matches: {
    entity: string;
    table: { qualified: string };
    columns: Record<string, string | null>;
    doubts: string[];
    faults: string[];
  }[];
  routes: { route: string; sql: string; doubts: string[]; backfill: number | null }[];
}

const SCHEMAS = ["public", "extensions"];
let url: string;
let report: Report;

beforeAll(async () => {
  ({ postgresUrl: url } = await createTestDatabase({ name: "foreign", build: buildForeign }));
  const answer = await script("preflight.ts", [url, "--json"]);
  expect(answer.stderr).toBe("");
  report = JSON.parse(answer.stdout) as Report;
});

it("knows the tables by their French names, and their columns", () => {
  const { matches } = report;
  expect(matches.map(({ entity, table }) => [entity, table.qualified])).toEqual([
    ["leads", "public.prospects"],
    ["customers", "public.clients"],
    ["requests", "public.demandes"],
    ["payments", "public.paiements"],
    ["orders", "public.commandes"],
  ]);
  expect(matches.find(({ entity }) => entity === "requests")?.columns).toEqual({
    customer_id: "client_id",
    type_raccordement: "type_raccordement",
    usage: null,
    address: "adresse",
    city: "ville",
    zip_code: "code_postal",
    phase: null,
    power_kva: "puissance",
    is_viabilise: "viabilise",
    status: "statut",
  });
});

it("counts what a backfill would send, and says where it can not know", () => {
  expect(report.isReady).toBe(true);
  expect(report.routes.map(({ route, backfill }) => [route, backfill])).toEqual([
    ["lead", 2],
    ["request", 1],
    ["request, by its customer", null],
    ["payment_session", 1],
    ["payment_intent", 0],
    ["payment_status", 1],
    ["order_confirmation", null],
    ["export_person(), erase_person()", null],
  ]);
  const order = report.routes.find(({ route }) => route === "order_confirmation");
  expect(order?.doubts.join()).toContain("which statut of public.commandes means confirmed?");
  expect(order?.sql.split("\n").every((line) => line.startsWith("--"))).toBe(true);
});

it("changes nothing, and says so of itself to people", async () => {
  const { postgresUrl } = await createTestDatabase({ name: "foreign", build: buildForeign });
  const before = await withClient(postgresUrl, (client) => readCatalog(client, SCHEMAS));
  const { exitCode, stdout } = await script("preflight.ts", [postgresUrl]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/previent_le_crm +public\.previent_le_crm +off; else it sends by itself/);
  expect(stdout).toMatch(/horodate +public\.horodate +goes on as before/);
  expect(stdout).toContain("Ready; ");
  expect(
    diffCatalogs(before, await withClient(postgresUrl, (client) => readCatalog(client, SCHEMAS))),
  ).toEqual([]);
});

it("its calls run as they stand, and the function understands the records", async () => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  await installFromSource(url, ["crm_sync"]);
  for (const { sql } of report.routes) await client.query(sql);
  await client.query(`
    select vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    select vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
    update crm_sync.settings set is_running = true;
    insert into prospects (courriel, prenom, nom, code_postal) values ('zoe@example.test', 'Zoé', 'Example', '01000');
    update demandes set statut = 'envoyée', code_postal = 1000 where statut = 'brouillon';
    insert into paiements (demande_id, payment_intent, montant, devise, statut)
    values ('30000000-0000-4000-8000-000000000001', 'pi_test_example', 9900, 'eur', 'succeeded');
    update clients set telephone = '01 02 03 04 05';
  `);
  for (let count = 0; count < 6; count += 1) {
    await client.query(`
      select crm_sync.tick(now() + '1 hour');
      update crm_sync.deliveries set status = 'delivered', finished_at = now(), envelope_id = null where status = 'in_flight';
      select crm_sync._wake_forgotten_keys();
    `);
  }
  const { rows } = await client.query<{ route: string; record: string }>(
    "select route, record::text from crm_sync.deliveries where status = 'delivered' order by delivery_id",
  );
  const payloads = rows.map(({ route, record }) => [
    route,
    routeNamed(route)?.prepare(parseJson(record), {
      capturedAt: "2026-11-22T10:00:00Z",
      site: "https://example.test",
    }),
  ]);
  expect(rows.filter(({ record }) => "adresse" in JSON.parse(record)).length).toBe(3);
  expect(rows.filter(({ record }) => "courriel" in JSON.parse(record)).length).toBe(1);
  const texts = JSON.stringify(payloads);
  for (const column of ["courriel", "prenom", "nom", "adresse", "client_id"]) {
    expect(texts).not.toContain(`"${column}"`);
  }
  expect(JSON.parse(texts)).toMatchObject([
    [
      "lead",
      {
        payload: {
          email: "zoe@example.test",
          firstName: "Zoé",
          lastName: "Example",
          postalCode: "01000",
        },
      },
    ],
    [
      "request",
      {
        payload: {
          email: "eva@example.test",
          address: "1 rue Example",
          zip_code: "01000",
          status: "envoyée",
        },
      },
    ],
    [
      "payment_intent",
      { payload: { payment_intent_id: "pi_test_example", email: "eva@example.test" } },
    ],
    ["payment_status", { payload: { payment_status: "paid", address: "1 rue Example" } }],
    ["request", { payload: { phone: "01 02 03 04 05" } }],
    ["request", { payload: { phone: "01 02 03 04 05" } }],
  ]);
});

it("a change that capture missed is found under the names of this project, and nothing else is", async () => {
  await withClient(url, async (client) => {
    const missing = async () =>
      (
        await client.query<{ found: string }>(`
          select concat_ws(' ', table_name, missing.route, reason) as found
          from (values ('public.prospects'), ('public.demandes')) as tables (table_name)
          cross join lateral crm_sync.find_missing(tables.table_name::regclass) as missing`)
      ).rows.map(({ found }) => found);
    expect(await missing()).toEqual([]);
    await client.query(`
      alter table prospects disable trigger user;
      update prospects set courriel = 'zoe@elsewhere.test', updated_at = clock_timestamp() where prenom = 'Zoé';
      alter table prospects enable trigger user;
      alter table demandes disable trigger user;
      update demandes set ville = 'Lyon', updated_at = clock_timestamp() where adresse = '1 rue Example';
      alter table demandes enable trigger user`);
    expect(await missing()).toEqual([
      "public.prospects lead other values",
      "public.demandes request other values",
    ]);
  });
});

it("erases and exports a person by the columns of this project", async () => {
  const { rows } = await withClient(url, (client) =>
    client.query("select email_columns, phone_columns from crm_sync.settings"),
  );
  expect(rows).toEqual([
    {
      email_columns: ["email", "client_email", "courriel"],
      phone_columns: ["phone", "client_phone", "telephone", "telephone_client"],
    },
  ]);
});

it("finds the order of a person by its phone, once its call is written", async () => {
  const order = report.routes.find(({ route }) => route === "order_confirmation")?.sql ?? "";
  await withClient(url, async (client) => {
    await client.query(order.slice(order.indexOf("-- select")).replace(/^-- ?/gm, ""));
    const { rows } = await client.query(
      "select kind, table_name from crm_sync.export_person(p_phone => '+33 6 00 00 00 09')",
    );
    expect(rows).toEqual([{ kind: "row", table_name: "public.commandes" }]);
  });
});

it("is not ready with a pg_net that start() refuses", async () => {
  const { postgresUrl, superuserUrl } = await createTestDatabase({
    name: "foreign",
    build: buildForeign,
  });
  await withClient(superuserUrl, (client) =>
    client.query("update pg_extension set extversion = '0.18.0' where extname = 'pg_net'"),
  );
  const { exitCode, stdout } = await script("preflight.ts", [postgresUrl, "--json"]);
  expect(exitCode).toBe(1);
  const { checks, isReady } = JSON.parse(stdout) as Report;
  expect(isReady).toBe(false);
  expect(checks.filter(({ level }) => level === "error")).toEqual([
    {
      check: "pg_net",
      level: "error",
      detail: "pg_net 0.18.0",
      mend: "alter extension pg_net update; start() needs net.wake(), which is there from 0.19 on",
    },
  ]);
});

it("an empty database is not ready, and no such database is told without its password", async () => {
  const { postgresUrl } = await createTestDatabase();
  const empty = await script("preflight.ts", [postgresUrl]);
  expect(empty.exitCode).toBe(1);
  expect(empty.stdout).toContain("None looks like leads, customers, requests, payments or orders.");
  const none = await script("preflight.ts", [
    "postgres://postgres:obviously-fake@127.0.0.1:1/postgres",
  ]);
  expect(none.exitCode).toBe(1);
  expect(none.stderr).not.toContain("obviously-fake");
});

it.each([
  "no-url",
  "https://db.example.test/postgres",
  "postgresql://postgres:obviously-fake@[db/postgres",
])("%s is wrong usage, and nobody is called", async (typed) => {
  const { exitCode, stdout, stderr } = await script("preflight.ts", [typed]);
  expect(stderr).toMatch(/^the database URL is no URL of a database\nhint: postgresql:\/\/…/);
  expect(stderr).not.toContain("obviously-fake");
  expect([exitCode, stdout]).toEqual([2, ""]);
});

async function buildForeign({ postgresUrl }: { postgresUrl: string }): Promise<void> {
  const sql = readFileSync(new URL("foreign-project.sql", import.meta.url), "utf8");
  await withClient(postgresUrl, (client) => client.query(sql));
}
