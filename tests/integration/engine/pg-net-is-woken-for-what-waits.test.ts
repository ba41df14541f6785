import { expect, it } from "vitest";
import { insertLeads, openTwoSessions, type TwoSessions, tick } from "./two-sessions.ts";

it("wakes the worker once a request of ours has waited for five seconds", async () => {
  const sessions = await openTwoSessions();
  const { first, second } = sessions;
  await insertLeads(first, "ada@example.test");
  await tick(second);
  const wakes = await listenForWakes(sessions);
  await tick(second, "4 seconds");
  expect(await wakes()).toBe(0);
  await tick(second, "6 seconds");
  expect(await wakes()).toBe(1);
});

it("leaves it alone while nothing of ours waits", async () => {
  const sessions = await openTwoSessions();
  const { first, second } = sessions;
  await insertLeads(first, "ada@example.test");
  await tick(second);
  // A crash empties pg_net's tables, and its ids begin again: the application's request has the id that ours had.
  await second.query(`
    truncate net.http_request_queue;
    update crm_sync.settings set is_running = false;
    select crm_sync.tick();
    update crm_sync.envelopes set request_id = net.http_get('http://somebody.test');
  `);
  const wakes = await listenForWakes(sessions);
  await tick(second, "6 seconds");
  expect(await wakes()).toBe(0);
});

/** Counts what the stand-in of pg_net tells its worker, from now on. */
async function listenForWakes({ first, second }: TwoSessions): Promise<() => Promise<number>> {
  const heard: string[] = [];
  first.on("notification", ({ channel }) => heard.push(channel));
  await first.query("listen pg_net_wake; listen is_all_told");
  return async () => {
    // Told in the order of the commits.
    await second.query("notify is_all_told");
    await expect.poll(() => heard, { timeout: 30_000 }).toContain("is_all_told");
    return heard.splice(0).filter((channel) => channel === "pg_net_wake").length;
  };
}
