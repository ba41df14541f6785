/** What the engine's own tables say about Elementor's breaker and its probes. */
import { setTimeout as sleep } from "node:timers/promises";
import type { World } from "./world.ts";

/** When the breaker opened, in milliseconds since 1970; null if it did not within the limit. */
export async function untilOpen({ query }: World, limitMs: number): Promise<number | null> {
  for (const limit = Date.now() + limitMs; Date.now() < limit; await sleep(100)) {
    const [breaker] = await query<{ opened_at: Date }>(
      "select opened_at from crm_sync.breakers where breaker = 'elementor' and state = 'open'",
    );
    if (breaker) return breaker.opened_at.getTime();
  }
  return null;
}

export async function bringProbeForward({ query }: World, inMs: number): Promise<void> {
  await query(
    `update crm_sync.breakers set open_until = clock_timestamp() + make_interval(secs => $1)
     where breaker = 'elementor' and state = 'open'`,
    [inMs / 1_000],
  );
}

/** A request to the function for Elementor; times in milliseconds since 1970. */
export interface Envelope {
  isProbe: boolean;
  dispatchedAt: number;
  /** Null: still under way. */
  settledAt: number | null;
}

/** Oldest first. */
export async function envelopesOf({ query }: World): Promise<Envelope[]> {
  const rows = await query<{ is_probe: boolean; dispatched_at: Date; settled_at: Date | null }>(
    `select is_probe, dispatched_at, settled_at from crm_sync.envelopes
     where destination = 'elementor' order by dispatched_at`,
  );
  return rows.map(({ is_probe, dispatched_at, settled_at }) => ({
    isProbe: is_probe,
    dispatchedAt: dispatched_at.getTime(),
    settledAt: settled_at?.getTime() ?? null,
  }));
}

/** Resolves when a probe has been answered, whatever it said, or after `limitMs`: the outcome shows that there was none. */
export async function untilProbed(world: World, limitMs: number): Promise<void> {
  for (const limit = Date.now() + limitMs; Date.now() < limit; await sleep(100)) {
    const envelopes = await envelopesOf(world);
    if (envelopes.some(({ isProbe, settledAt }) => isProbe && settledAt !== null)) return;
  }
}
