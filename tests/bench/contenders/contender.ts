import type pg from "pg";
import type { BenchServer } from "../servers/server.ts";

export const CONTENDERS = ["plain", "stock-webhook", "graphile-worker", "crm-sync"] as const;

export type ContenderName = (typeof CONTENDERS)[number];

/**
 * Rows that the ledger of ours and the queue of graphile-worker hold from the beginning, known to the planner: both plan badly
 * for a table that nobody has ever looked at, and in production autovacuum has.
 */
export const PAST_ROWS = 2_000;

/** After the last request pg_net pauses for a second and looks once more; only then it sleeps. */
export const PG_NET_IDLE_AFTER_MS = 2_500;

/** What a contender is given once: where its rows are written, and where they shall arrive. */
export interface Site {
  server: BenchServer;
  /** As the owner of everything, autocommit. */
  db: pg.Pool;
  receiverUrl: string;
}

/** One way of getting rows out of a table; each has a table of its own with the same columns, indexes and policies. */
export interface Contender {
  name: ContenderName;
  table: string;
  /** Whether rows of it arrive at the receiver. */
  delivers: boolean;
  /** From the last receipt until it is as idle as it becomes. */
  idleAfterMs: number;
  /** What it keeps of a row: the tables whose bytes count. */
  ledger: string[];
  /** Everything that delivers runs from now on, as it would in production. */
  start(): Promise<void>;
  /** Nothing runs any more, nothing waits any more, the table is empty, and what it kept is as at the beginning. */
  stop(): Promise<void>;
  /** Rows whose delivery is not over yet. */
  waiting(): Promise<number>;
  /** Takes out of the database what it has put there. */
  remove(): Promise<void>;
}
