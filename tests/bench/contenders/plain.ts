/** The table without a trigger: what a write costs by itself. */
import type { Contender, Site } from "./contender.ts";
import { runFile } from "./sql.ts";

export async function installPlain({ db }: Site): Promise<Contender> {
  await runFile(db, "table.sql", { name: "plain" });
  return {
    name: "plain",
    table: "bench.plain",
    delivers: false,
    idleAfterMs: 0,
    ledger: [],
    start: async () => undefined,
    stop: async () => void (await db.query("truncate bench.plain")),
    waiting: async () => 0,
    remove: async () => void (await db.query("drop schema if exists bench cascade")),
  };
}
