/** A receiver and a function of its own for each test file, over the one database; rows in, calls out. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { inject } from "vitest";
import { type FunctionServer, startFunction } from "../../../scripts/local/function-server.ts";
import {
  type ReceivedCall,
  type Receiver,
  type ReceiverOptions,
  startReceiver,
} from "../../../scripts/local/receiver/index.ts";
import { envOf, type FunctionEnv } from "../../../scripts/local/stack.ts";
import { writeVault } from "../../../scripts/local/vault.ts";

export interface Delivery {
  delivery_id: string;
  route: string;
  table_name: string;
  row_id: string;
  operation: string;
  status: string;
  attempt_count: number;
  last_outcome: string | null;
  last_status: number | null;
  last_error_code: string | null;
  last_error: string | null;
  superseded_by: string | null;
  captured_at: Date;
  idempotency_key: string;
}

export type Row = Record<string, unknown>;
export type Harness = Awaited<ReturnType<typeof startHarness>>;

export const SIGNING_SECRET = `whsec_${Buffer.from("obviously fake, for end-to-end tests").toString("base64")}`;

const SETTLE_LIMIT_MS = 30_000;
const TABLES = ["leads", "customers", "requests", "payments", "orders"];

export interface HarnessOptions {
  receiver?: ReceiverOptions;
  /** Changes of the function's variables; undefined takes one away. */
  env?: Partial<Record<keyof FunctionEnv, string | undefined>>;
  signingSecret?: string;
}

/** Empties tables and ledger, starts a receiver and a function, and points the database to them. */
export async function startHarness(options: HarnessOptions = {}) {
  const backend = inject("backend");
  const pool = new pg.Pool({ connectionString: backend.url, max: 20 });
  pool.on("error", () => undefined);
  await empty(pool);
  const signingSecret = options.signingSecret ?? SIGNING_SECRET;
  const receiver = await startReceiver(options.receiver);
  const functionServer = await startFunctionFor(receiver, { ...options, signingSecret });
  await point(functionServer.url, signingSecret);
  await query("select crm_sync.start()");
  const ticker = startTicker(backend.url);

  async function query<R extends pg.QueryResultRow = Row>(sql: string, values: unknown[] = []) {
    return (await pool.query<R>(sql, values)).rows;
  }

  /** A session of its own, for transactions; ended with the work. */
  async function inSession<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    try {
      return await work(client);
    } finally {
      // Not reused: the next one shall not find what this one has set.
      client.release(true);
    }
  }

  async function point(url: string, secret = signingSecret): Promise<void> {
    await inSession((client) =>
      writeVault(client, { crm_sync_function_url: url, crm_sync_signing_secret: secret }),
    );
  }

  async function insert(
    table: string,
    row: Row,
    db: Pick<pg.Pool, "query"> = pool,
  ): Promise<string> {
    const columns = Object.keys(row).map(pg.escapeIdentifier).join(", ");
    const places = Object.keys(row).map((_, index) => `$${index + 1}`);
    const { rows } = await db.query<{ id: string }>(
      `insert into public.${table} (${columns}) values (${places.join(", ")}) returning id`,
      Object.values(row),
    );
    return (rows[0] as { id: string }).id;
  }

  async function update(
    table: string,
    id: string,
    changes: Row,
    db: Pick<pg.Pool, "query"> = pool,
  ): Promise<void> {
    const settings = Object.keys(changes).map(
      (name, index) => `${pg.escapeIdentifier(name)} = $${index + 2}`,
    );
    await db.query(`update public.${table} set ${settings.join(", ")} where id = $1`, [
      id,
      ...Object.values(changes),
    ]);
  }

  /** The ledger of these rows, oldest first. */
  async function deliveries(...rowIds: string[]): Promise<Delivery[]> {
    return query<pg.QueryResultRow & Delivery>(
      "select * from crm_sync.delivery_log where row_id = any ($1) order by delivery_id",
      [rowIds],
    );
  }

  /** The ledger of these rows once nothing of it is under way any more. Throws after 30 s. */
  async function settled(...rowIds: string[]): Promise<Delivery[]> {
    for (const limit = Date.now() + SETTLE_LIMIT_MS; ; await sleep(50)) {
      const found = await deliveries(...rowIds);
      const open = found.filter(({ status }) => ["pending", "in_flight"].includes(status));
      if (found.length > 0 && open.length === 0) return found;
      if (Date.now() > limit) {
        throw new Error(
          `not settled within ${SETTLE_LIMIT_MS} ms: ${JSON.stringify(open, null, 2)}`,
        );
      }
    }
  }

  /** The only delivery of this row, once it has been tried and waits for its next time. */
  async function failedOnce(rowId: string): Promise<Delivery> {
    for (const limit = Date.now() + SETTLE_LIMIT_MS; ; await sleep(50)) {
      const [delivery] = await deliveries(rowId);
      if (delivery?.status === "pending" && delivery.last_outcome) return delivery;
      if (Date.now() > limit) throw new Error(`not tried: ${JSON.stringify(delivery)}`);
    }
  }

  /** Calls that one of these ids stands in, in order of arrival. */
  function calls(...ids: string[]): ReceivedCall[] {
    return receiver.calls.filter(({ text }) => ids.some((id) => text.includes(id)));
  }

  /** Lets the tick run twice: what a change means for rows of other tables is captured by then. */
  async function ticks(): Promise<void> {
    for (let count = 0; count < 2; ) {
      const ran = await query("select from crm_sync.tick()");
      if (ran.length > 0) count += 1;
      else await sleep(20);
    }
  }

  /** A tick at which so much more time has passed; what it posts is answered in ours. */
  async function tickLater(interval: string): Promise<void> {
    for (let ran = false; !ran; ) {
      ran =
        (await query("select from crm_sync.tick(clock_timestamp() + $1::interval)", [interval]))
          .length > 0;
      if (!ran) await sleep(20);
    }
  }

  async function stop(): Promise<void> {
    await ticker.stop();
    await query("select crm_sync.stop()");
    await pool.end();
    await functionServer.stop();
    await receiver.stop();
  }

  return {
    ...{ backend, receiver, functionServer, signingSecret },
    ...{
      query,
      inSession,
      insert,
      update,
      deliveries,
      settled,
      failedOnce,
      calls,
      ticks,
      tickLater,
      point,
      stop,
    },
  };
}

/** A function that calls this receiver. */
export function startFunctionFor(
  receiver: Receiver,
  options: HarnessOptions = {},
): Promise<FunctionServer> {
  const env: FunctionEnv = {};
  const wanted = {
    ...envOf(receiver),
    CRM_SYNC_SIGNING_SECRET: options.signingSecret ?? SIGNING_SECRET,
    ...options.env,
  };
  for (const [name, value] of Object.entries(wanted)) {
    if (value !== undefined) env[name as keyof FunctionEnv] = value;
  }
  return startFunction({ env });
}

/** pg_cron ticks every 2 s; so do we in between, which the engine must bear and the tests need not wait for. */
function startTicker(url: string) {
  const stopping = new AbortController();
  const ended = (async () => {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => stopping.abort());
    await client.connect();
    while (!stopping.signal.aborted) {
      await client.query("select from crm_sync.tick()").catch(() => undefined);
      await sleep(100);
    }
    await client.end().catch(() => undefined);
  })();
  return {
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

/** What configures the engine stays; what it keeps of rows and receivers goes. */
async function empty(pool: pg.Pool): Promise<void> {
  await pool.query("select crm_sync.stop()");
  const { rows } = await pool.query<{ name: string }>(`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname = 'crm_sync'
      and tablename not in ('settings', 'destinations', 'routes', 'attachments', 'related_attachments', 'breakers', 'unstored_seen', 'heartbeat')`);
  const names = [...rows.map(({ name }) => name), ...TABLES.map((table) => `public.${table}`)];
  await pool.query(`truncate ${names.join(", ")}`);
  await pool.query("select crm_sync._close_breaker(breaker, now()) from crm_sync.breakers");
  await pool.query(
    `update crm_sync.unstored_seen set changed_since = null, horizon = null,
            value = (select case when is_called then last_value else 0 end from crm_sync.unstored_changes)`,
  );
  await pool.query("update crm_sync.heartbeat set beaten_at = null");
  await pool.query("delete from net.http_request_queue; delete from net._http_response");
}
