/** How much of each measure a run takes: the short form ends within ten minutes, the full one is what the documents cite. */

export interface Plan {
  rounds: number;
  /** One-row statements of a block; at most as many as requests of ours may be in flight (100), so that each one is dispatched. */
  block: number;
  /** Transactions of the session before its one-row inserts are measured. */
  agedBy: number;
  /** One-row inserts of the one transaction. */
  transactionRows: number;
  /** Statements of 1,000 rows. */
  bulkStatements: number;
  writersMs: number;
  attachments: number;
  drainRows: number;
  /** Then a drain of ours, or of others, which take much longer, is judged by what has arrived. */
  drainLimitMs: number;
  peersDrainLimitMs: number;
  /** Concurrencies of graphile-worker to choose from; one: no choice. */
  concurrencies: number[];
  idleRows: number;
  /** Those who cannot keep a rate need not be watched as long: they show it at once. */
  rates: { perSecond: number; ms: number; peersMs: number }[];
  /** After the last commit; what has not arrived by then is counted as taking at least so long. */
  arrivalLimitMs: number;
  ticks: number;
  finished: number[];
  blocked: number;
  bytesRows: number;
}

export const SHORT: Plan = {
  rounds: 3,
  block: 40,
  agedBy: 1_000,
  transactionRows: 1_000,
  bulkStatements: 3,
  writersMs: 700,
  attachments: 3,
  drainRows: 6_000,
  drainLimitMs: 60_000,
  peersDrainLimitMs: 5_000,
  concurrencies: [],
  idleRows: 3,
  rates: [
    { perSecond: 50, ms: 3_000, peersMs: 3_000 },
    { perSecond: 300, ms: 5_000, peersMs: 3_000 },
  ],
  arrivalLimitMs: 4_000,
  ticks: 6,
  finished: [0, 100_000],
  blocked: 200_000,
  bytesRows: 500,
};

export const FULL: Plan = {
  rounds: 3,
  block: 40,
  agedBy: 10_000,
  transactionRows: 10_000,
  bulkStatements: 10,
  writersMs: 5_000,
  attachments: 10,
  drainRows: 20_000,
  drainLimitMs: 180_000,
  peersDrainLimitMs: 60_000,
  concurrencies: [1, 4, 10, 24, 50],
  idleRows: 20,
  rates: [
    { perSecond: 5, ms: 30_000, peersMs: 30_000 },
    { perSecond: 50, ms: 30_000, peersMs: 30_000 },
    { perSecond: 300, ms: 120_000, peersMs: 20_000 },
    { perSecond: 1_000, ms: 120_000, peersMs: 20_000 },
    { perSecond: 2_000, ms: 120_000, peersMs: 20_000 },
  ],
  arrivalLimitMs: 15_000,
  ticks: 30,
  finished: [0, 10_000, 100_000, 1_000_000],
  blocked: 200_000,
  bytesRows: 10_000,
};
