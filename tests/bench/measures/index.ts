/** Every measure, in the order in which they run. */
import { attachTime } from "./attach.ts";
import { bulk } from "./bulk.ts";
import { bytes } from "./bytes.ts";
import { concurrentWriters } from "./concurrent-writers.ts";
import { concurrencyChoice, drainRate } from "./drain.ts";
import { latency } from "./latency.ts";
import type { Measure } from "./measure.ts";
import { oneRowInsert } from "./one-row-insert.ts";
import { oneTransaction } from "./one-transaction.ts";
import { tickTime } from "./tick.ts";
import { unwatchedUpdate } from "./unwatched-update.ts";

export const MEASURES: Measure[] = [
  oneRowInsert,
  oneTransaction,
  unwatchedUpdate,
  bulk,
  concurrentWriters,
  attachTime,
  concurrencyChoice,
  drainRate,
  latency,
  tickTime,
  bytes,
];
