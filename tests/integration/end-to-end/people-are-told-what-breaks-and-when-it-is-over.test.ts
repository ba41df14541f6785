import { afterAll, beforeAll, expect, test } from "vitest";
import { type Harness, startHarness } from "./harness.ts";
import { LEAD } from "./rows.ts";

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
  // Its own rhythm would come in between.
  await harness.query("select cron.unschedule('crm_sync_alert')");
});
afterAll(() => harness?.stop());

/** Looks once; the lines that the server's log gets. */
async function look(after = "0"): Promise<string[]> {
  return harness.inSession(async (client) => {
    const lines: string[] = [];
    client.on("notice", ({ severity, message }) => {
      if (severity === "LOG") lines.push(message ?? "");
    });
    await client.query("set client_min_messages = log");
    await client.query("select crm_sync.alert(clock_timestamp() + $1::interval)", [after]);
    return lines;
  });
}

const outcomes = () =>
  harness
    .query("select outcome from crm_sync.alert_messages order by written_at")
    .then((rows) => rows.map(({ outcome }) => outcome));

test("an open breaker reaches the channel and the log, and so does its end", async () => {
  const { receiver } = harness;
  // That a job is missing is known first.
  await look();
  await receiver.waitUntil(() => receiver.people.alerts.length === 1);
  receiver.respondWith({ status: 503 });
  const ids = await Promise.all(Array.from({ length: 5 }, () => harness.insert("leads", LEAD)));
  await expect
    .poll(
      () =>
        harness.query("select from crm_sync.breakers where state = 'open' and breaker = 'monelec'"),
      {
        timeout: 30_000,
      },
    )
    .toHaveLength(1);

  const log = await look();
  expect(log).toContainEqual(
    expect.stringMatching(/^crm-sync alert: error breakers: monelec has not been called for \d+ s/),
  );
  await receiver.waitUntil(() => receiver.people.alerts.length === 2);
  const text = receiver.people.alerts.at(-1);
  expect(text).toMatch(
    /^crm-sync:\nerror breakers: monelec has not been called for \d+ s \(.*\)\n {4}It is probed/,
  );

  receiver.clearFaults();
  await harness.tickLater("1 hour");
  await harness.settled(...ids);
  expect(await look()).toEqual([]);
  expect(await look("5 minutes")).toContainEqual(
    expect.stringMatching(/^crm-sync recovered: breakers monelec after \d+ s$/),
  );
  await receiver.waitUntil(() =>
    /^recovered breakers monelec/m.test(receiver.people.alerts.at(-1) ?? ""),
  );
  await expect
    .poll(async () => {
      await look();
      return new Set(await outcomes());
    })
    .toEqual(new Set(["delivered"]));
});

test("a heartbeat arrives, and a test alert", async () => {
  const { receiver } = harness;
  await receiver.waitUntil(() => receiver.people.heartbeats.length > 0);
  await harness.query("select crm_sync.test_alert()");
  await receiver.waitUntil(() =>
    /test alert, asked for by/.test(receiver.people.alerts.at(-1) ?? ""),
  );
});
