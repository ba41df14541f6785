import pg from "pg";
import { describe, expect, it } from "vitest";
import { answerAll } from "../../support/answers.ts";
import { createTestDatabase } from "../../support/database.ts";
import { ENGINE, openSession } from "../../support/engine.ts";
import { statuses } from "./two-sessions.ts";

const SOON = { timeout: 20_000 };

describe.each(["repeatable read", "serializable"])("%s", (isolation) => {
  it("a commit leaves the lead to the tick, and the tick that pg_cron runs delivers it", async () => {
    const { job, client } = await openStarted(isolation);
    await client.query("insert into leads (email) values ('ada@example.test')");
    expect(await statuses(client)).toEqual(["pending"]);
    const ended = job.query(await commandOf(client, "crm_sync_tick"));
    await expect.poll(() => statuses(client), SOON).toEqual(["in_flight"]);
    await answerAll(client);
    await ended;
    expect(await statuses(client)).toEqual(["delivered"]);
  });

  it("whoever stops it while it pauses is heard", async () => {
    const { job, client } = await openStarted(isolation);
    await client.query("insert into leads (email) values ('ada@example.test')");
    const command = await commandOf(client, "crm_sync_tick");
    const ended = job.query(command.replace("_again()", "_again('1 hour', '2 seconds')"));
    await expect.poll(() => statuses(client), SOON).toEqual(["in_flight"]);
    await client.query("update crm_sync.settings set is_running = false");
    // Lost, which another tick would notice.
    await client.query("truncate net.http_request_queue");
    await ended;
    expect(await statuses(client)).toEqual(["in_flight"]);
  });

  it.each(["wake", "alert", "purge", "repair"])("the job %s goes well", async (job) => {
    const opened = await openStarted(isolation);
    await opened.job.query(await commandOf(opened.client, `crm_sync_${job}`));
    expect((await opened.client.query("select from crm_sync.faults")).rowCount).toBe(0);
  });
});

/** Two sessions of a database with that default, in which the engine was started. */
async function openStarted(isolation: string) {
  const database = await createTestDatabase(ENGINE);
  const setting = await openSession(database);
  await setting.query(
    `alter database ${pg.escapeIdentifier(database.name)} set default_transaction_isolation = '${isolation}'`,
  );
  const [job, client] = [await openSession(database), await openSession(database)];
  await client.query("select crm_sync.start()");
  return { job, client };
}

async function commandOf(client: pg.Client, job: string): Promise<string> {
  const { rows } = await client.query<{ command: string }>(
    "select command from cron.job where jobname = $1",
    [job],
  );
  return rows[0]?.command ?? "";
}
