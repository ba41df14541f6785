import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Harness, type Row, startFunctionFor, startHarness } from "./harness.ts";

/** Stands in every text that a person wrote. */
const PERSONAL = "Kanarienvogel";
const API_KEY = "fake-key-Zeisig-4711";
const ELEMENTOR_TOKEN = "fake-token-Stieglitz-4712";
const SIGNING_KEY = Buffer.from("obviously fake Gimpel 4713 signing key").toString("base64");
const SECRETS = [API_KEY, ELEMENTOR_TOKEN, SIGNING_KEY];
const WORDS = [PERSONAL, ...SECRETS];

/** Where personal data has its place: the records, until purge; missed rows, until they are captured; pg_net's queue, for a batch. */
const ALLOWED: Record<string, string[]> = {
  "crm_sync.deliveries": ["record"],
  "crm_sync.capture_failures": ["old_rows", "new_rows"],
  "net.http_request_queue": ["body"],
};

let harness: Harness;
const output: string[] = [];

beforeAll(async () => {
  harness = await startHarness({
    receiver: { apiKey: API_KEY },
    signingSecret: `whsec_${SIGNING_KEY}`,
    env: {},
  });
  const { receiver } = harness;
  const functionServer = await startFunctionFor(receiver, {
    signingSecret: `whsec_${SIGNING_KEY}`,
    env: { ELEMENTOR_WEBHOOK_URL: `${receiver.elementorUrl}?token=${ELEMENTOR_TOKEN}` },
  });
  await harness.point(functionServer.url);
  try {
    await runEveryOutcome();
  } finally {
    await functionServer.stop();
    output.push(...functionServer.output, ...harness.functionServer.output);
  }
});

afterAll(() => harness.stop());

/** Values as people write them: quotes, backslashes, line breaks, other scripts, all of which JSON may escape. */
function personal(label: string): string {
  return `${PERSONAL} ${label} "guillemets" d'Été\\rue\n2ᵉ étage 🏠`;
}

const LEAD_COLUMNS = [
  ...["phone", "firstname", "lastname", "full_name", "connection_type", "postal_code"],
  ...["source", "utm_source", "utm_medium", "utm_campaign"],
];
const CUSTOMER_COLUMNS = ["phone", "full_name", "client_type", "company_name", "siren"];
const REQUEST_COLUMNS = ["type_raccordement", "usage", "address", "city", "zip_code", "phase"];
const ORDER_COLUMNS = [
  "client_name",
  "client_phone",
  "client_address",
  "client_city",
  "product_name",
];

const texts = (columns: string[]): Row =>
  Object.fromEntries(columns.map((column) => [column, personal(column)]));

/** `mark` tells the receiver which call is to fail. */
function insertLead(mark: string, changes: Row = {}): Promise<string> {
  return harness.insert("leads", {
    ...texts(LEAD_COLUMNS),
    email: `${PERSONAL}+${mark}@example.test`,
    ...changes,
  });
}

async function insertRequest(): Promise<string> {
  const customer_id = await harness.insert("customers", {
    ...texts(CUSTOMER_COLUMNS),
    email: `${PERSONAL}@example.test`,
  });
  return harness.insert("requests", {
    ...texts(REQUEST_COLUMNS),
    customer_id,
    status: personal("status"),
  });
}

function insertOrder(number: string): Promise<string> {
  return harness.insert("orders", {
    ...texts(ORDER_COLUMNS),
    order_number: `${PERSONAL}-${number}`,
    quantity: 1,
    unit_price: 1,
    total_amount: 1,
    status: "confirmed",
  });
}

async function runEveryOutcome(): Promise<void> {
  const { receiver, query } = harness;
  const leak = `${API_KEY} ${ELEMENTOR_TOKEN}`;
  const echo = { echo: true, headers: { "x-request": leak } };
  receiver.respondWith({ bodyIncludes: "+reject@", status: 422, ...echo });
  receiver.respondWith({ bodyIncludes: "+retry@", times: 1, status: 503, ...echo });
  receiver.respondWith({
    bodyIncludes: "+denied@",
    times: 1,
    status: 401,
    text: `wrong key: ${leak}`,
  });
  receiver.respondWith({ bodyIncludes: "+moved@", times: 1, redirect: `/?${ELEMENTOR_TOKEN}` });
  receiver.respondWith({ bodyIncludes: "+silent@", times: 1, hang: true });
  receiver.respondWith({ path: "/payment-session", times: 1, status: 500, ...echo });
  receiver.respondWith({ destination: "elementor", bodyIncludes: "-echo", status: 400, ...echo });

  const delivered = [await insertLead("delivered"), await insertRequest(), await insertOrder("1")];
  await harness.settled(...delivered);
  const once: string[] = [];
  for (const mark of ["retry", "denied", "moved", "silent"]) {
    const id = await insertLead(mark);
    await harness.failedOnce(id);
    once.push(id);
    await query("select crm_sync._close_breaker(breaker, now()) from crm_sync.breakers");
  }
  // The success that follows is not attempted in that envelope.
  const request_id = await insertRequest();
  await harness.settled(request_id);
  const payment = await harness.insert("payments", {
    request_id,
    amount: 4711,
    currency: personal("currency"),
    status: "succeeded",
    stripe_session_id: personal("session"),
    stripe_payment_intent_id: personal("intent"),
  });
  const dead = [
    await insertLead("reject"),
    await insertLead("invalid", { email: null, phone: null }),
    await insertLead("large", { utm_source: `${PERSONAL} `.repeat(6_000) }),
    await insertOrder("echo"),
  ];
  expect((await harness.settled(...dead)).map(({ status }) => status)).toEqual(
    dead.map(() => "dead"),
  );

  // Errors of the database itself, whose texts quote rows and values.
  await query(
    "alter table crm_sync.deliveries add constraint takes_no_row check (false) not valid",
  );
  const missed = await insertLead("missed");
  await query("alter table crm_sync.deliveries drop constraint takes_no_row");
  const { url } = await startedUrl();
  await harness.point(url, `whsec_${SIGNING_KEY} whsec_${SIGNING_KEY}, no base64`);
  const unsigned = await insertLead("unsigned");
  await harness.ticks();
  await harness.point(url);

  for (let round = 0; round < 3; round += 1) {
    await harness.tickLater("2 hours");
    await harness.ticks();
  }
  const late = [...once, payment, missed, unsigned];
  const found = await harness.settled(...late);
  expect(found.map(({ status }) => status)).toEqual(found.map(() => "delivered"));
  const outcomes = await query<{ outcome: string }>(
    "select distinct outcome from crm_sync.delivery_attempts order by 1",
  );
  expect(outcomes.map(({ outcome }) => outcome)).toEqual([
    ...["delivered", "misconfigured", "not_attempted", "reject", "retry", "unknown"],
  ]);
}

async function startedUrl(): Promise<{ url: string }> {
  const [secret] = await harness.query<{ url: string }>(
    "select decrypted_secret as url from vault.decrypted_secrets where name = 'crm_sync_function_url'",
  );
  return secret as { url: string };
}

/** Each of the words that stands in the text, with where that is; what is around it helps to find the leak. */
function leaks(place: string, text: string): string[] {
  return WORDS.filter((word) => text.includes(word)).map((word) => {
    const index = text.indexOf(word);
    return `${place}: ${text.slice(Math.max(0, index - 80), index + 80)}`;
  });
}

test("what people wrote did reach the receivers, and lies in the records", async () => {
  const texts = harness.receiver.calls.map(({ text }) => text).join("\n");
  for (const label of [
    ...LEAD_COLUMNS,
    ...CUSTOMER_COLUMNS,
    ...REQUEST_COLUMNS,
    ...ORDER_COLUMNS,
  ]) {
    expect(texts).toContain(`${PERSONAL} ${label} `);
  }
  const [{ count } = {}] = await harness.query(
    `select count(*)::int from crm_sync.deliveries where record::text like '%${PERSONAL}%'`,
  );
  expect(count).toBeGreaterThan(10);
});

test("the function's output holds none of it", () => {
  expect(output.length).toBeGreaterThan(10);
  expect(leaks("function", output.join("\n"))).toEqual([]);
});

test("no table and no view of ours, of pg_net or of pg_cron holds any of it", async () => {
  const { superuserUrl } = inject("backend");
  const client = new pg.Client({ connectionString: superuserUrl ?? harness.backend.url });
  await client.connect();
  try {
    const { rows: relations } = await client.query<{ name: string }>(
      `select format('%I.%I', nspname, relname) as name
       from pg_class join pg_namespace on pg_namespace.oid = relnamespace
       where relkind in ('r', 'p', 'v', 'm')
         and (nspname in ('crm_sync', 'net', 'cron') or (nspname = 'public' and relname like 'crm\\_sync%'))
       order by 1`,
    );
    const names = relations.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(["crm_sync.delivery_log", "crm_sync.faults", "net._http_response"]),
    );
    const found: string[] = [];
    for (const name of names) {
      const { rows } = await client.query<{ row: string }>(
        `select (to_jsonb(this) - $1::text[])::text as row from ${name} as this`,
        [ALLOWED[name] ?? []],
      );
      // As JSON and as the text in it: what is escaped once more would hide.
      for (const { row } of rows) found.push(...leaks(name, row));
    }
    expect(found).toEqual([]);
  } finally {
    await client.end();
  }
});

test("the server's log holds none of it", (context) => {
  const { logFile } = inject("backend");
  if (!logFile) return context.skip("the log of a given server is not ours to read");
  const log = readFileSync(logFile, "utf8");
  expect(log).toContain("database system is ready");
  expect(leaks("log", log)).toEqual([]);
});

describe("the words themselves", () => {
  test.each(WORDS)("would be found: %s", (word) => {
    expect(leaks("here", `${randomUUID()} ${word}!`)).toHaveLength(1);
  });
});
