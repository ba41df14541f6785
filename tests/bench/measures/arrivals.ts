/** When rows arrived, measured from their commit; one clock for both ends. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { now } from "../processes/clock.ts";
import { percentile } from "../statistics.ts";

const POLL_MS = 20;

/** Waits until so many rows have arrived; false when the limit came first. */
export async function untilArrived(
  { receiver, signal }: Bench,
  count: number,
  limitMs: number,
): Promise<boolean> {
  for (const limit = now() + limitMs; ; await sleep(POLL_MS)) {
    if ((await receiver.count()) >= count) return true;
    if (now() > limit) return false;
    signal.throwIfAborted();
  }
}

export interface Ways {
  /** In the order of the commits. A row that had not arrived by the end counts as having taken until then at least. */
  tookMs: number[];
  missing: number;
}

/** `committed`: when the commit of each row was known to its writer. */
export async function waysOf(
  { receiver }: Bench,
  committed: ReadonlyMap<string, number>,
): Promise<Ways> {
  const end = now();
  const receipts = await receiver.receipts();
  let missing = 0;
  const inOrder = [...committed].sort(([, a], [, b]) => a - b);
  const tookMs = inOrder.map(([id, committedAt]) => {
    const arrivedAt = receipts.get(id);
    if (arrivedAt === undefined) missing += 1;
    return (arrivedAt ?? end) - committedAt;
  });
  return { tookMs, missing };
}

export interface Figures {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

export function figuresOf(tookMs: readonly number[]): Figures {
  const [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1].map((share) => percentile(tookMs, share));
  return { p50, p95, p99, max } as Figures;
}
