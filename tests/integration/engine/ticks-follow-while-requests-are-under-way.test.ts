import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { insertLeads, openTwoSessions, statuses, type TwoSessions } from "./two-sessions.ts";

const SOON = { timeout: 20_000 };

it("ticks once where nothing is under way", async () => {
  const { first } = await openTwoSessions();
  await first.query(await scheduled(first));
});

it("what comes while a request is under way leaves, though nobody ticks again", async () => {
  const { first, second } = await openTwoSessions();
  await insertLeads(second, "ada@example.test");
  const ended = first.query(await scheduled(second));
  await expect.poll(() => statuses(second), SOON).toEqual(["in_flight"]);
  await insertLeads(second, "bob@example.test");
  await expect.poll(() => statuses(second), SOON).toEqual(["in_flight", "in_flight"]);
  await loseAll({ first, second });
  await ended;
  expect(await statuses(second)).toEqual(["pending", "pending"]);
});

it("ends after its time", async () => {
  const { first, second } = await openTwoSessions();
  await insertLeads(second, "ada@example.test");
  await first.query(await ticking(second, "'1 second'"));
  expect(await statuses(second)).toEqual(["in_flight"]);
});

it("ends by itself before statement_timeout ends it", async () => {
  const { first, second } = await openTwoSessions();
  await insertLeads(second, "ada@example.test");
  await first.query("set statement_timeout = '8s'");
  await first.query(await scheduled(second));
  expect(await statuses(second)).toEqual(["in_flight"]);
});

it("ends when everything is stopped, and ticks no more", async () => {
  const { first, second } = await openTwoSessions();
  await insertLeads(second, "ada@example.test");
  const ended = first.query(await ticking(second, "'1 hour', '2 seconds'"));
  await expect.poll(() => statuses(second), SOON).toEqual(["in_flight"]);
  await second.query("update crm_sync.settings set is_running = false");
  await loseAll({ first, second });
  await ended;
  expect(await statuses(second)).toEqual(["in_flight"]);
});

it("a hanging tick is not taken for one that goes on", async () => {
  const { first, second } = await openTwoSessions();
  await second.query("select crm_sync.start()");
  await second.query(
    `insert into cron.job_run_details (runid, jobid, status, start_time, job_pid)
     select 1000000, jobid, 'running', clock_timestamp(), $1::int from cron.job where jobname = 'crm_sync_tick'`,
    [await pidOf(first)],
  );
  await sleep(3_000);
  await first.query("begin");
  const levelAfter = async (time: string) =>
    (
      await second.query<{ level: string }>(
        `select level from crm_sync.health((select start_time from cron.job_run_details where runid = 1000000) + $1::interval)
         where check_name = 'tick'`,
        [time],
      )
    ).rows[0]?.level;
  expect(await levelAfter("62 seconds")).toBe("ok");
  expect(await levelAfter("70 seconds")).toBe("error");
});

/** What pg_cron runs, with other times. */
async function ticking(client: TwoSessions["first"], times: string): Promise<string> {
  return (await scheduled(client)).replace("_again()", `_again(${times})`);
}

async function scheduled(client: TwoSessions["first"]): Promise<string> {
  const { rows } = await client.query<{ command: string }>(
    "select crm_sync._tick_command() as command",
  );
  return rows[0]?.command ?? "";
}

/** As a crash leaves it: pg_net knows nothing of them. */
async function loseAll({ second }: TwoSessions): Promise<void> {
  await second.query("truncate net.http_request_queue");
}

async function pidOf(client: TwoSessions["first"]): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}
