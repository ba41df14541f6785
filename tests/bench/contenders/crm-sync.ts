/** Ours: the sample application's leads as sql/app attaches them, the real Edge Function in between, pg_cron ticking. */
import { readFile } from "node:fs/promises";
import { type FunctionServer, startFunction } from "../../../scripts/local/function-server.ts";
import { writeVault } from "../../../scripts/local/vault.ts";
import { type Contender, PAST_ROWS, PG_NET_IDLE_AFTER_MS, type Site } from "./contender.ts";
import { count, emptyPgNet } from "./sql.ts";

const LEDGER = ["crm_sync.deliveries", "crm_sync.delivery_attempts", "crm_sync.envelopes"];
const SIGNING_SECRET = `whsec_${Buffer.from("obviously fake, for the benchmark").toString("base64")}`;

export type Ledger = "finished" | "blocked-keys" | "open-breaker";

export interface CrmSync extends Contender {
  /** Stops the engine, empties the ledger wholly and closes what is open; settings stay. */
  empty(): Promise<void>;
  /** Puts so many rows of this file of statements into the ledger, and looks at it as autovacuum would in time. */
  fill(file: Ledger, rows: number): Promise<void>;
}

export async function installCrmSync({ db, receiverUrl }: Site): Promise<CrmSync> {
  const functionServer = await startFunctionFor(receiverUrl);
  const client = await db.connect();
  try {
    await writeVault(client, {
      crm_sync_function_url: functionServer.url,
      crm_sync_signing_secret: SIGNING_SECRET,
    });
  } finally {
    client.release();
  }

  async function empty(): Promise<void> {
    await db.query("select crm_sync.stop()");
    const { rows } = await db.query<{ name: string }>(`
      select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname = 'crm_sync'
        and tablename not in
            ('settings', 'destinations', 'routes', 'attachments', 'related_attachments', 'breakers')`);
    await db.query(`truncate public.leads, ${rows.map(({ name }) => name).join(", ")}`);
    await db.query("select crm_sync._close_breaker(breaker, now()) from crm_sync.breakers");
    await emptyPgNet(db);
  }

  async function fill(file: Ledger, rows: number): Promise<void> {
    const text = await readFile(new URL(`./ledgers/${file}.sql`, import.meta.url), "utf8");
    await db.query(text.replaceAll(":rows", String(rows)));
    for (const table of [...LEDGER, "crm_sync.breakers"]) {
      await db.query(`vacuum (analyze) ${table}`);
    }
  }

  async function stop(): Promise<void> {
    await empty();
    await fill("finished", PAST_ROWS);
    functionServer.output.length = 0;
  }

  await stop();

  return {
    name: "crm-sync",
    table: "public.leads",
    delivers: true,
    idleAfterMs: PG_NET_IDLE_AFTER_MS,
    ledger: LEDGER,
    empty,
    fill,
    start: async () => void (await db.query("select crm_sync.start()")),
    stop,
    waiting: () =>
      count(
        db,
        "select count(*) from crm_sync.deliveries where status in ('pending', 'in_flight')",
      ),
    remove: () => functionServer.stop(),
  };
}

function startFunctionFor(receiverUrl: string): Promise<FunctionServer> {
  return startFunction({
    env: {
      MONELEC_API_URL: `${receiverUrl}/api/external`,
      MONELEC_API_KEY: "fake-monelec-key",
      ELEMENTOR_WEBHOOK_URL: `${receiverUrl}/elementor-webhook`,
      CRM_SYNC_SIGNING_SECRET: SIGNING_SECRET,
    },
  });
}
