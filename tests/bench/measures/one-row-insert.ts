/**
 * One row, committed by itself: in a new session, and in one that has committed thousands before, because each post leaves
 * a callback of pg_net with its session. With a pause between, so that every row of ours finds the way free and is dispatched
 * at its commit, which is the dearest case.
 */
import type pg from "pg";
import { type Bench, eachTurn, inTurn, running } from "../bench.ts";
import type { Contender } from "../contenders/contender.ts";
import { insertOne } from "../rows.ts";
import { type Goal, openRecorder } from "../series.ts";
import { inSession, timedOneByOne } from "../sessions.ts";
import { median } from "../statistics.ts";
import type { Measure } from "./measure.ts";

const PAUSE_MS = 10;

const FRESH = "new session";
const WITHOUT_DISK = "new session, without waiting for the disk";
const AGED = "session with many commits behind it";

const goals: Goal[] = [FRESH, WITHOUT_DISK, AGED].flatMap((name): Goal[] => [
  {
    case: name,
    to: "plain",
    by: "ratio",
    atMost: 2.5,
    text: "one-row insert against the same without trigger",
  },
  {
    case: name,
    to: "stock-webhook",
    by: "ratio",
    atMost: 1,
    text: "one-row insert against the stock webhook",
  },
]);

async function run(bench: Bench) {
  const recorder = openRecorder();

  async function block(
    client: pg.Client,
    contender: Contender,
    name: string,
    detail: object = {},
  ): Promise<void> {
    const times = await timedOneByOne(
      client,
      bench.plan.block,
      () => insertOne(contender.table),
      PAUSE_MS,
    );
    const place = { case: name, contender: contender.name, unit: "ms" };
    recorder.add(place, median(times), { ...detail, samples: times });
  }

  await inTurn(bench, bench.contenders, (contender) =>
    inSession(bench.server.url, (client) => block(client, contender, FRESH)),
  );
  await inTurn(bench, bench.contenders, (contender) =>
    inSession(bench.server.url, async (client) => {
      await client.query("set synchronous_commit = off");
      await block(client, contender, WITHOUT_DISK);
    }),
  );
  await eachTurn(bench, bench.contenders, (contender) =>
    inSession(bench.server.url, async (client) => {
      // The many commits happen in a run of their own: what they have left to be sent is not sent while we measure.
      await client.query("set synchronous_commit = off");
      await running(bench, contender, () =>
        timedOneByOne(client, bench.plan.agedBy, () => insertOne(contender.table)),
      );
      await client.query("set synchronous_commit = on");
      const posts = await sessionPosts(client);
      await running(bench, contender, () =>
        block(client, contender, AGED, { commitsBefore: bench.plan.agedBy, postsBefore: posts }),
      );
    }),
  );
  return recorder.series();
}

/** How often the engine has posted in this session: beyond a limit it leaves that to the tick. */
async function sessionPosts(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ posts: string | null }>(
    "select current_setting('crm_sync.session_posts', true) as posts",
  );
  return Number(rows[0]?.posts ?? 0);
}

export const oneRowInsert: Measure = {
  name: "one-row-insert",
  title: "One-row insert",
  goals,
  run,
};
