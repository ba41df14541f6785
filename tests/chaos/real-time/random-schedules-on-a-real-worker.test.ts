/** The model test in real time: pg_net's worker itself posts, waits and answers, on the server that is given. */
import fc from "fast-check";
import { expect, inject, test } from "vitest";
import { formatTable } from "../../../scripts/terminal/table.ts";
import { runSchedule } from "../model/run.ts";
import { schedules } from "../model/steps.ts";
import { connect } from "../model/world.ts";
import { watchLedger } from "../world/install.ts";
import { startFunctionGate } from "../world/real-net.ts";
import { stopWaitingForReal } from "../world/receivers.ts";

const SCHEDULES = 20;

test(`${SCHEDULES} random schedules in real time break no promise`, {
  timeout: 1_800_000,
}, async () => {
  const { url, superuserUrl } = inject("backend");
  if (!superuserUrl)
    throw new Error("the server must let supabase_admin in: moving time takes a superuser");
  stopWaitingForReal();
  const gate = await startFunctionGate();
  await watchLedger({ url, superuserUrl }, gate.url);
  const connections = await connect({ url, superuserUrl });
  try {
    // pg_net's own timeout is waited for in real time.
    await connections.operator.query("update crm_sync.settings set request_timeout = '2 seconds'");
    const strikes = new Map<string, number>();
    const seed = Number(process.env.CRM_SYNC_SEED ?? Date.now() % 1_000_000_000);
    const property = fc.asyncProperty(schedules, (steps) =>
      runSchedule(steps, connections, strikes, gate.net),
    );
    const result = await fc.check(property, { numRuns: SCHEDULES, seed, endOnFailure: true });
    console.log(`seed ${seed}: ${result.numRuns} schedules`);
    const struck = [...strikes].sort().map(([name, times]) => [name, String(times)]);
    console.log(formatTable(["what struck", "times"], struck));
    const cause = result.errorInstance instanceof Error ? result.errorInstance.message : "";
    expect(
      result.failed,
      `path ${result.counterexamplePath}\n${JSON.stringify(result.counterexample)}\n${cause}`,
    ).toBe(false);
  } finally {
    await connections.close();
    await gate.stop();
  }
});
