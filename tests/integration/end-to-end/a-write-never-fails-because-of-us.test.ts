import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Harness, type Row, startHarness } from "./harness.ts";
import { CUSTOMER, LEAD, ORDER, REQUEST } from "./rows.ts";

let harness: Harness;
let superuser: pg.Client | null = null;

beforeAll(async () => {
  harness = await startHarness();
  const { superuserUrl } = inject("backend");
  if (superuserUrl) {
    superuser = new pg.Client({ connectionString: superuserUrl });
    await superuser.connect();
  }
});

afterAll(async () => {
  await superuser?.end();
  await harness.stop();
});

interface Cause {
  name: string;
  /** Breaks something, and returns how to mend it. */
  arrange(): Promise<() => Promise<unknown>>;
  /** What becomes of the row meanwhile: it waits in the ledger, was missed by capture, or is not held up for sure. */
  meanwhile: "waits" | "missed" | "may leave";
  needsSuperuser?: true;
}

const run = (sql: string, values: unknown[] = []) => harness.query(sql, values);
const asSuperuser = (sql: string) => (superuser as pg.Client).query(sql);

/** Statements of the owner of everything. */
function statements(breaks: string, mends: string): Cause["arrange"] {
  return async () => {
    await run(breaks);
    return () => run(mends);
  };
}

/** Another session that holds a lock until the mend. */
function lock(sql: string): Cause["arrange"] {
  return async () => {
    const session = new pg.Client({ connectionString: harness.backend.url });
    await session.connect();
    await session.query("begin");
    await session.query(sql);
    return () => session.end();
  };
}

/** Any call of it fails from now on, with an error that its callers do not expect. The name may hold wildcards of `like`. */
function withoutFunction(name: string): Cause["arrange"] {
  return async () => {
    const found = await run(
      `select oid::regprocedure::text as signature, proname::text as name
       from pg_proc where pronamespace = 'crm_sync'::regnamespace and proname like $1`,
      [name],
    );
    expect(found).toHaveLength(1);
    const [before, original] = [String(found[0]?.signature), String(found[0]?.name)];
    await run(`alter function ${before} rename to away_for_a_test`);
    const after = before.replace(`.${original}(`, ".away_for_a_test(");
    return () => run(`alter function ${after} rename to ${original}`);
  };
}

const CAUSES: Cause[] = [
  {
    name: "pg_net is gone",
    meanwhile: "waits",
    needsSuperuser: true,
    arrange: async () => {
      await asSuperuser("alter schema net rename to net_away");
      return () => asSuperuser("alter schema net_away rename to net");
    },
  },
  {
    name: "pg_net's function is gone",
    meanwhile: "waits",
    needsSuperuser: true,
    arrange: async () => {
      const signature = "(text, jsonb, jsonb, jsonb, integer)";
      await asSuperuser(`alter function net.http_post${signature} rename to http_post_away`);
      return () => asSuperuser(`alter function net.http_post_away${signature} rename to http_post`);
    },
  },
  {
    name: "pg_net's queue is locked",
    meanwhile: "waits",
    arrange: lock("lock table net.http_request_queue in access exclusive mode"),
  },
  {
    name: "Vault is empty",
    meanwhile: "waits",
    arrange: async () => {
      await run("delete from vault.secrets where name like 'crm\\_sync\\_%'");
      return () => harness.point(harness.functionServer.url);
    },
  },
  {
    name: "the signing secret is no base64",
    meanwhile: "waits",
    arrange: async () => {
      await harness.point(harness.functionServer.url, "whsec_not base64, not at all");
      return () => harness.point(harness.functionServer.url);
    },
  },
  {
    name: "nobody listens at the function's URL",
    meanwhile: "may leave",
    arrange: async () => {
      await harness.point("http://127.0.0.1:9/");
      return () => harness.point(harness.functionServer.url);
    },
  },
  {
    name: "the function's URL is no URL",
    meanwhile: "may leave",
    arrange: async () => {
      await harness.point("not a url");
      return () => harness.point(harness.functionServer.url);
    },
  },
  {
    name: "the dispatch is broken",
    meanwhile: "waits",
    arrange: withoutFunction("\\_dispatch\\_keys"),
  },
  { name: "the claim is broken", meanwhile: "waits", arrange: withoutFunction("\\_claim") },
  {
    name: "the build of records is broken",
    meanwhile: "waits",
    arrange: withoutFunction("_record__leads__lead"),
  },
  {
    name: "the ledger takes no row",
    meanwhile: "missed",
    arrange: statements(
      "alter table crm_sync.deliveries add constraint takes_no_row check (false) not valid",
      "alter table crm_sync.deliveries drop constraint takes_no_row",
    ),
  },
  {
    name: "the ledger is gone",
    meanwhile: "missed",
    arrange: statements(
      "alter table crm_sync.deliveries rename to deliveries_away",
      "alter table crm_sync.deliveries_away rename to deliveries",
    ),
  },
  {
    name: "the ledger is locked",
    meanwhile: "missed",
    arrange: lock("lock table crm_sync.deliveries in access exclusive mode"),
  },
  {
    name: "the settings are locked",
    meanwhile: "may leave",
    arrange: lock("select from crm_sync.settings for update"),
  },
  {
    name: "a watched column has another name",
    meanwhile: "waits",
    arrange: statements(
      "alter table public.leads rename utm_campaign to campaign",
      "alter table public.leads rename campaign to utm_campaign",
    ),
  },
];

/** An insert as the application makes it, with little patience; resolves only if it commits. */
async function insertLead(): Promise<string> {
  return harness.inSession(async (db) => {
    await db.query("set statement_timeout = '1s'");
    return harness.insert("leads", LEAD, db);
  });
}

async function missedRows() {
  const rows = await run("select row_ids from crm_sync.capture_failures");
  return rows.map(({ row_ids }) => row_ids);
}

/** Time passes until the row is delivered: what waits for its turn has it now. */
async function deliveredInTheEnd(id: string) {
  for (const limit = Date.now() + 20_000; Date.now() < limit; await sleep(200)) {
    await harness.tickLater("1 hour");
    const found = await harness.deliveries(id);
    if (found.length > 0 && found.every(({ status }) => status === "delivered")) return found;
  }
  return harness.deliveries(id);
}

describe.each(CAUSES.map((cause): [string, Cause] => [cause.name, cause]))("%s", (_, cause) => {
  const { arrange, meanwhile, needsSuperuser } = cause;
  test("the insert commits, and the row is delivered once when the cause is gone", async (context) => {
    if (needsSuperuser && !superuser) context.skip("nobody is superuser here");
    const mend = await arrange();
    let id: string;
    try {
      id = await insertLead();
      // The tick meets the cause, too, and must survive it.
      await sleep(300);
      if (meanwhile === "waits") {
        expect(await harness.deliveries(id)).toMatchObject([
          { status: "pending", attempt_count: 0 },
        ]);
      } else if (meanwhile === "missed") {
        expect(await missedRows()).toEqual([[id]]);
      }
    } finally {
      await mend();
    }
    expect(await deliveredInTheEnd(id)).toMatchObject([{ route: "lead", status: "delivered" }]);
    expect(harness.calls(id)).toHaveLength(1);
  });
});

test("a row that could not even be noted as missed is found and sent by the daily repair", async () => {
  // In the tick's order, or each waits for the other.
  const mend = await lock(
    "lock table crm_sync.capture_failures, crm_sync.deliveries in access exclusive mode",
  )();
  const id = await insertLead().finally(mend);
  expect(await harness.deliveries(id)).toEqual([]);
  expect(
    await run("select route, row_id, reason from crm_sync.find_missing('public.leads')"),
  ).toEqual([{ route: "lead", row_id: id, reason: "no delivery" }]);
  await run("select from crm_sync.repair_missing()");
  expect(await deliveredInTheEnd(id)).toMatchObject([{ status: "delivered" }]);
  expect(harness.calls(id)).toHaveLength(1);
});

test.each(["repeatable read", "serializable"])(
  "a write under %s is delivered",
  async (isolation) => {
    const id = await harness.inSession(async (db) => {
      await db.query(`begin isolation level ${isolation}`);
      const inserted = await harness.insert("leads", LEAD, db);
      await db.query("commit");
      return inserted;
    });
    expect(await harness.settled(id)).toMatchObject([{ status: "delivered" }]);
  },
);

test("serializable transactions of distinct rows all commit, and each row is delivered", async () => {
  const EVENTS: ["orders" | "payments", Row][] = [
    ["orders", { ...ORDER, status: "confirmed" }],
    ["payments", { stripe_session_id: "cs_1", amount: 100, request_id: await insertRequest() }],
  ];
  const ids: string[] = [];
  for (const [table, row] of Array.from({ length: 5 }, () => EVENTS).flat()) {
    const sessions = await openSessions(8);
    // All have written before the first one commits.
    await Promise.all(sessions.map((db) => db.query("begin isolation level serializable")));
    ids.push(...(await Promise.all(sessions.map((db) => harness.insert(table, row, db)))));
    const ended = await Promise.allSettled(sessions.map((db) => db.query("commit")));
    await Promise.all(sessions.map((db) => db.end()));
    expect(ended.filter(({ status }) => status === "rejected")).toEqual([]);
  }
  await expect.poll(() => missedRows(), { timeout: 20_000 }).toEqual([]);
  const delivered = await harness.settled(...ids);
  expect(delivered.map(({ status }) => status)).toEqual(ids.map(() => "delivered"));
  expect(delivered.map(({ row_id }) => row_id).sort()).toEqual(ids.sort());
});

async function insertRequest(): Promise<string> {
  const customer_id = await harness.insert("customers", CUSTOMER);
  return harness.insert("requests", { ...REQUEST, customer_id });
}

function openSessions(count: number): Promise<pg.Client[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const session = new pg.Client({ connectionString: harness.backend.url });
      await session.connect();
      return session;
    }),
  );
}
