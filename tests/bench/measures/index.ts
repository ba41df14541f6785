/** Every measure, in the order in which they run. */
import { bulk } from "./bulk.ts";
import { concurrentWriters } from "./concurrent-writers.ts";
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
  tickTime,
];
