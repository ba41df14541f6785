/** The model test in real time: pg_net's worker itself posts, waits and answers, on the server that is given. */
import { expect, inject, test } from "vitest";
import { formatTable } from "../../../scripts/terminal/table.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { runSchedules } from "../model/schedules.ts";
import { type ChaosDatabase, watchLedger } from "../world/install.ts";
import { startFunctionGate } from "../world/real-net.ts";

const SCHEDULES = 20;

test(`${SCHEDULES} random schedules in real time break no promise`, {
  timeout: 1_800_000,
}, async () => {
  const database = requireSuperuser(inject("backend"));
  const gate = await startFunctionGate();
  try {
    await watchLedger(database, gate.url);
    // pg_net's own timeout is waited for in real time.
    await withClient(database.url, async (client) => {
      await client.query("update crm_sync.settings set request_timeout = '2 seconds'");
    });
    const seed = Number(process.env.CRM_SYNC_SEED ?? Date.now() % 1_000_000_000);
    const databases = [database];
    const makeNet = gate.net;
    const report = await runSchedules({ databases, schedules: SCHEDULES, seed, makeNet });
    console.log(`seed ${seed}: ${report.ran} schedules`);
    const struck = [...report.strikes].sort().map(([name, times]) => [name, String(times)]);
    console.log(formatTable(["what struck", "times"], struck));
    expect(report.failure, report.failure ?? "").toBeNull();
  } finally {
    await gate.stop();
  }
});

function requireSuperuser(backend: { url: string; superuserUrl: string | null }): ChaosDatabase {
  const { url, superuserUrl } = backend;
  if (superuserUrl) return { url, superuserUrl };
  throw new Error("the server must let supabase_admin in: moving time takes a superuser");
}
