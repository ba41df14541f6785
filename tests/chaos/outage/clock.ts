/** The simulation's time: the database's, and this process's Date, by which the function lives. It moves when told to. */
import type pg from "pg";
import { vi } from "vitest";

export interface Clock {
  /** Milliseconds since 1970, as everywhere here. */
  now(): number;
  /** Moves the time of the database and of this process. */
  set(at: number): Promise<void>;
  /** Moves this process alone: requests that run side by side are simulated one after another. */
  setHere(at: number): void;
  /** Ends when everything else in this process waits, too, and this is the next to end. */
  sleep(ms: number): Promise<void>;
}

/** For whom a round trip of its own is too much. */
export function clockSql(at: number): string {
  return `update simulation.clock set at = to_timestamp(${at}::float8 / 1000)`;
}

export const START = Date.parse("2026-01-05T08:00:00Z");

/** `client` is its own, as the superuser. Date must be real again at the end: `vi.useRealTimers()`. */
export function startClock(client: pg.Client): Clock {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  const sleepers: { until: number; wake: () => void }[] = [];
  let isScheduled = false;

  function wakeNext(): void {
    isScheduled = false;
    sleepers.sort((one, other) => one.until - other.until);
    const next = sleepers[0];
    if (!next) return;
    vi.setSystemTime(Math.max(next.until, Date.now()));
    // All who sleep until the same moment.
    for (const { wake } of sleepers.splice(
      0,
      sleepers.findLastIndex(({ until }) => until === next.until) + 1,
    )) {
      wake();
    }
    schedule();
  }

  function schedule(): void {
    if (isScheduled || sleepers.length === 0) return;
    isScheduled = true;
    // Streams hand on in a round of their own.
    setImmediate(() => setImmediate(() => setImmediate(wakeNext)));
  }

  return {
    now: () => Date.now(),
    set: async (at) => {
      vi.setSystemTime(at);
      await client.query(clockSql(at));
    },
    setHere: (at) => void vi.setSystemTime(at),
    sleep: (ms) =>
      new Promise((wake) => {
        sleepers.push({ until: Date.now() + ms, wake });
        schedule();
      }),
  };
}
