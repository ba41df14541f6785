/** Sorts the leads by what Elementor was doing when they were committed. */
import type { ReceivedCall } from "../../../scripts/local/receiver/index.ts";
import type { Envelope } from "./breaker.ts";

/** A lead's way: commit to first receipt. */
export interface Way {
  committedAt: number;
  tookMs: number;
}

/** Of the run, in milliseconds since 1970. */
export interface Marks {
  hangsFrom: number;
  openedAt: number;
  answersFrom: number;
  /** Null where the run ends before. */
  normalAgainFrom: number | null;
}

export const PHASES = {
  normal: "normal, before",
  untilOpen: "hanging, until the breaker opens",
  drain: "open: calls sent before still hang",
  open: "open: outside probes",
  probing: "open: in probes",
  recovery: "answering again: the backlog",
  again: "normal, afterwards",
} as const;

export type Phase = keyof typeof PHASES;

/** From a call's batch at pg_net to its arrival at the receiver. */
const AHEAD_MS = 250;

/** A tick writes its start as the time of the opening, which holds from its end on. */
const TICK_MS = 1_000;

export interface Hang {
  at: number;
  from: number;
  to: number;
  why: "probe" | "sent before the opening" | null;
}

/** When Elementor held a call open, by the receiver's clock, and why it was made, by the ledger's word. */
export function hangsOf(
  calls: readonly ReceivedCall[],
  envelopes: readonly Envelope[],
  openedAt: number,
): Hang[] {
  const hanging = calls.filter(
    ({ destination, injected }) => destination === "elementor" && injected,
  );
  return hanging.map(({ receivedAt, closedAt }) => {
    const at = receivedAt.getTime();
    const of = envelopes.filter(
      ({ dispatchedAt, settledAt }) => dispatchedAt <= at && at <= (settledAt ?? at),
    );
    const why = of.some(({ isProbe }) => isProbe)
      ? "probe"
      : of.some(({ dispatchedAt }) => dispatchedAt <= openedAt + TICK_MS)
        ? "sent before the opening"
        : null;
    return { at, from: at - AHEAD_MS, to: closedAt?.getTime() ?? Number.POSITIVE_INFINITY, why };
  });
}

export function phaseAt(at: number, marks: Marks, hangs: readonly Hang[]): Phase {
  if (at < marks.hangsFrom) return "normal";
  if (at < marks.openedAt) return "untilOpen";
  if (marks.normalAgainFrom !== null && at >= marks.normalAgainFrom) return "again";
  const held = hangs.filter(({ from, to }) => from <= at && at <= to);
  if (held.some(({ why }) => why === "probe")) return "probing";
  if (held.some(({ why }) => why === "sent before the opening")) return "drain";
  return at < marks.answersFrom ? "open" : "recovery";
}

export interface Figures {
  count: number;
  p50: number;
  p95: number;
  max: number;
}

export type Table = Partial<Record<Phase, Figures>>;

export function tabulate(ways: readonly Way[], marks: Marks, hangs: readonly Hang[]): Table {
  const byPhase = new Map<Phase, number[]>();
  for (const { committedAt, tookMs } of ways) {
    const phase = phaseAt(committedAt, marks, hangs);
    byPhase.set(phase, [...(byPhase.get(phase) ?? []), tookMs]);
  }
  return Object.fromEntries([...byPhase].map(([phase, took]) => [phase, figuresOf(took)]));
}

export function figuresOf(took: readonly number[]): Figures {
  const sorted = [...took].sort((a, b) => a - b);
  const [p50, p95, max] = [0.5, 0.95, 1].map((share) => percentile(sorted, share)) as [
    number,
    number,
    number,
  ];
  return { count: sorted.length, p50, p95, max };
}

/** Between the two nearest, as percentile_cont does. */
function percentile(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}
