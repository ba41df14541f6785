/** How long each part of a run lasts: the short form is part of npm test, the long one what docs/proof/isolation.md reports. */

export interface Plan {
  /** Both receivers answer: what is normal. */
  normalMs: number;
  /** Elementor takes calls and answers none, at least for so long, and until a probe has failed. */
  hangMs: number;
  /** A breaker that has not opened by then does not open. */
  openingLimitMs: number;
  orderEveryMs: number;
  /** From the opening to the first probe, in place of the engine's 30 s. */
  firstProbeMs: number | null;
  /** After the last probe at least so long. */
  afterProbeMs: number;
  /** Both answer again, and the backlog has arrived: once more what is normal. */
  againMs: number | null;
}

export const LEAD_EVERY_MS = 200;

const SHORT: Plan = {
  normalMs: 10_000,
  hangMs: 0,
  openingLimitMs: 40_000,
  orderEveryMs: 2_500,
  // What was sent before the opening hangs for 8 s, then comes pg_net's pause: the rest is free of either.
  firstProbeMs: 14_000,
  afterProbeMs: 5_000,
  againMs: null,
};

const LONG: Plan = {
  normalMs: 60_000,
  hangMs: 600_000,
  openingLimitMs: 200_000,
  orderEveryMs: 60_000,
  firstProbeMs: null,
  afterProbeMs: 0,
  againMs: 60_000,
};

/** CRM_SYNC_ISOLATION_MINUTES: the long form, in which Elementor hangs for so long. Without it, the short form. */
const MINUTES = process.env.CRM_SYNC_ISOLATION_MINUTES;

export const isLong = MINUTES !== undefined && MINUTES !== "";

export function planned(): Plan {
  const plan = isLong ? { ...LONG, hangMs: Number(MINUTES) * 60_000 } : SHORT;
  const orderEvery = process.env.CRM_SYNC_ISOLATION_ORDER_SECONDS;
  return orderEvery ? { ...plan, orderEveryMs: Number(orderEvery) * 1_000 } : plan;
}
