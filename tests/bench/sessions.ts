/** Sessions as an application holds them, and how long their statements take. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { now } from "./processes/clock.ts";

/** A new session, ended with the work. */
export async function inSession<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Milliseconds until it has resolved. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = now();
  await work();
  return now() - start;
}

/** Times of one statement after the other, with a pause that is not counted. */
export async function timedOneByOne(
  client: pg.ClientBase,
  statements: number,
  statement: () => pg.QueryConfig,
  pauseMs = 0,
): Promise<number[]> {
  const times: number[] = [];
  for (let count = 0; count < statements; count += 1) {
    const next = statement();
    times.push(await timed(() => client.query(next)));
    if (pauseMs > 0) await sleep(pauseMs);
  }
  return times;
}
