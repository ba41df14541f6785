/** A Database Webhook as Supabase ships it. It calls the receiver itself: there is nothing that would map the row. */
import { type Contender, PG_NET_IDLE_AFTER_MS, type Site } from "./contender.ts";
import { count, emptyPgNet, runFile } from "./sql.ts";

export async function installStockWebhook({ db, receiverUrl }: Site): Promise<Contender> {
  await runFile(db, "table.sql", { name: "stock_webhook" });
  await runFile(db, "stock-webhook.sql", { url: `${receiverUrl}/stock-webhook` });
  return {
    name: "stock-webhook",
    table: "bench.stock_webhook",
    delivers: true,
    idleAfterMs: PG_NET_IDLE_AFTER_MS,
    ledger: ["bench.hooks", "net._http_response"],
    // pg_net's worker always runs.
    start: async () => undefined,
    stop: async () => {
      await db.query("truncate bench.stock_webhook, bench.hooks");
      await emptyPgNet(db);
    },
    waiting: () => count(db, "select count(*) from net.http_request_queue"),
    remove: async () => void (await db.query("drop schema if exists bench cascade")),
  };
}
