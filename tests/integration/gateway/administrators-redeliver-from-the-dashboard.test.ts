import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../../scripts/local/gateway.ts";
import { pushMigrations } from "../../../scripts/supabase-cli.ts";
import { createSupabaseClient } from "../../../scripts/supabase-client.ts";
import { createTestDatabase } from "../../support/database.ts";

const LEAD = "10000000-0000-4000-8000-000000000001";
const PERSON = "00000000-0000-4000-8000-00000000000a";

let db: pg.Client;
let gateway: Gateway;

beforeAll(async () => {
  const { postgresUrl } = await createTestDatabase({
    name: "dashboard",
    build: (database) => pushMigrations(database.postgresUrl),
  });
  db = new pg.Client({ connectionString: postgresUrl });
  await db.connect();
  gateway = await startGateway({ databaseUrl: postgresUrl });
});

afterAll(async () => {
  await gateway?.stop();
  await db?.end();
});

/** One lead whose delivery the receiver refused. */
beforeEach(async () => {
  await db.query("truncate leads, crm_sync.deliveries, crm_sync.operations");
  await db.query("insert into leads (id, email) values ($1, 'ada@example.test')", [LEAD]);
  await db.query(
    `update crm_sync.deliveries set status = 'dead', finished_at = now(), claimed_at = now(), record = '{}',
            last_outcome = 'reject', last_status = 422, last_error_code = 'receiver_status_422', last_error = 'no <email>'`,
  );
});

const signedIn = (claims: object) =>
  createSupabaseClient(gateway.url, gateway.anonKey, gateway.tokenFor({ sub: PERSON, ...claims }));
const administrator = () => signedIn({ app_metadata: { role: "admin" } });
const server = () => createSupabaseClient(gateway.url, gateway.serviceRoleKey);

async function deliveryId(): Promise<number> {
  const { rows } = await db.query("select delivery_id::int as id from crm_sync.deliveries");
  return rows[0].id;
}

const CALLS: [string, () => object][] = [
  ["crm_sync_deliveries", () => ({})],
  ["crm_sync_row_status", () => ({ p_table: "leads", p_row_id: LEAD })],
  ["crm_sync_redeliver", () => ({ p_table: "leads", p_row_id: LEAD })],
  ["crm_sync_health", () => ({})],
];

test("an administrator sees what was refused, without a value of the row", async () => {
  const { data, error } = await administrator().rpc("crm_sync_deliveries", { p_table: "leads" });
  expect(error).toBeNull();
  expect(data).toMatchObject([
    { route: "lead", row_id: LEAD, status: "dead", last_status: 422, last_error: "no <email>" },
  ]);
  expect(JSON.stringify(data)).not.toContain("ada@example.test");
});

test("and the row in a few words", async () => {
  const call = () =>
    administrator().rpc("crm_sync_row_status", { p_table: "public.leads", p_row_id: LEAD });
  expect((await call()).data).toBe("needs correction: refused by monelec (422)");
  await administrator().rpc("crm_sync_redeliver", { p_table: "leads", p_row_id: LEAD });
  expect((await call()).data).toBe("waiting: sending is stopped");
});

test("and sends it again, by its row or its id: the answer says the new status, or why not", async () => {
  const delivery_id = await deliveryId();
  const args = { p_table: "leads", p_row_id: LEAD, p_note: "they mended theirs" };
  expect(await administrator().rpc("crm_sync_redeliver", args)).toMatchObject({
    status: 200,
    data: [{ delivery_id, redelivered: true, status: "pending", reason: null }],
  });
  expect(
    await administrator().rpc("crm_sync_redeliver", { p_delivery_ids: [delivery_id] }),
  ).toMatchObject({
    status: 200,
    data: [{ delivery_id, redelivered: false, status: "pending", reason: "it is pending already" }],
  });
  const { rows } = await db.query(
    "select operator, affected_count, note from crm_sync.operations order by operation_id limit 1",
  );
  expect(rows).toEqual([
    {
      operator: `authenticator for ${PERSON}`,
      affected_count: 1,
      note: "they mended theirs",
    },
  ]);
});

test("a row of which nothing was captured, and an id that nobody knows", async () => {
  const { rpc } = { rpc: (args: object) => administrator().rpc("crm_sync_redeliver", args) };
  expect((await rpc({ p_table: "leads", p_row_id: PERSON })).data).toEqual([
    {
      ...{ delivery_id: null, redelivered: false, status: null },
      reason: "nothing was captured of this row",
    },
  ]);
  expect((await rpc({ p_delivery_ids: [-1] })).data).toEqual([
    { delivery_id: -1, redelivered: false, status: null, reason: "no such delivery" },
  ]);
});

test.each<[string, object, string, string]>([
  ["crm_sync_redeliver", {}, "CS025", "Give p_delivery_ids, or p_table and p_row_id."],
  ["crm_sync_redeliver", { p_table: "leads" }, "CS025", "Give p_delivery_ids"],
  ["crm_sync_redeliver", { p_table: "nope", p_row_id: "1" }, "CS023", "attached tables: "],
  ["crm_sync_row_status", { p_table: "nope", p_row_id: "1" }, "CS023", "attached tables: "],
  ["crm_sync_deliveries", { p_status: "gone" }, "CS024", "pending, in_flight"],
])("%s(%j) is an error with a hint", async (name, args, code, hint) => {
  const { error, status } = await administrator().rpc(name, args);
  expect([status, error?.code]).toEqual([400, code]);
  expect(error?.hint).toContain(hint);
});

test.each(CALLS)("the server's own key may call %s", async (name, args) => {
  expect((await server().rpc(name, args())).error).toBeNull();
});

test.each(CALLS)("%s is refused to anon", async (name, args) => {
  const { status, error } = await createSupabaseClient(gateway.url, gateway.anonKey).rpc(
    name,
    args(),
  );
  expect([status, error?.code]).toEqual([401, "42501"]);
  expect(error?.message).toBe(`permission denied for function ${name}`);
});

const OTHERS: [string, object][] = [
  ["a person without a role", {}],
  ["another role", { app_metadata: { role: "agent" } }],
  ["who says so themselves", { user_metadata: { role: "admin" } }],
  ["another claim", { app_metadata: { roles: "admin" } }],
  ["a claim that is no text", { app_metadata: { role: { admin: true } } }],
];

test.each(OTHERS)("%s is refused, and changes nothing", async (_, claims) => {
  for (const [name, args] of CALLS) {
    const { status, error } = await signedIn(claims).rpc(name, args());
    expect([status, error?.code, error?.message]).toEqual([
      ...[403, "42501"],
      "only an administrator may do this",
    ]);
    expect(error?.hint).toContain("app_metadata.role");
  }
  const { rows } = await db.query("select status from crm_sync.deliveries");
  expect(rows).toEqual([{ status: "dead" }]);
});

test("claim and roles are settings", async () => {
  const chief = signedIn({ app_metadata: { roles: ["agent", "chief"] } });
  expect((await chief.rpc("crm_sync_deliveries")).status).toBe(403);
  await db.query(
    "update crm_sync.settings set administrator_claim = '{app_metadata,roles}', administrator_roles = '{chief,owner}'",
  );
  try {
    expect((await chief.rpc("crm_sync_deliveries")).status).toBe(200);
    expect((await administrator().rpc("crm_sync_deliveries")).status).toBe(403);
  } finally {
    await db.query(
      "update crm_sync.settings set administrator_claim = default, administrator_roles = default",
    );
  }
});

test("the ledger itself stays closed", async () => {
  const { error } = await administrator().schema("crm_sync").from("deliveries").select();
  expect(error).not.toBeNull();
  await expect(
    (async () => {
      await db.query("begin");
      await db.query("set local role authenticated");
      await db.query("select from crm_sync.deliveries");
    })(),
  ).rejects.toMatchObject({ code: "42501" });
  await db.query("rollback");
});
