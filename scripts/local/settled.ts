/** What has been settled in the ledger, one line for each attempt and each end without one, as it happens. */
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";

export interface Settled {
  /** The same line always has the same key. */
  key: string;
  deliveryId: string;
  settledAt: Date;
  route: string;
  tableName: string;
  rowId: string;
  /** Of the delivery after this attempt. */
  status: string;
  attempt: number;
  receiverStatus: number | null;
  errorCode: string | null;
  error: string | null;
}

const POLL_MS = 300;
/** A tick stamps with the time at which it began, and commits later. */
const LOOK_BACK = "1 minute";

const SETTLED = `
  select attempts.delivery_id || ' ' || attempts.envelope_id as "key",
         deliveries.delivery_id as "deliveryId", attempts.settled_at as "settledAt",
         deliveries.route, deliveries.table_name as "tableName", deliveries.row_id as "rowId",
         case when deliveries.finished_at = attempts.settled_at then deliveries.status else 'pending' end as status,
         attempts.attempt, attempts.status as "receiverStatus",
         attempts.error_code as "errorCode", attempts.error
  from crm_sync.delivery_attempts as attempts
  join crm_sync.deliveries on deliveries.delivery_id = attempts.delivery_id
  where attempts.settled_at > $1::timestamptz - $2::interval
  union all
  select deliveries.delivery_id || ' ' || deliveries.status,
         deliveries.delivery_id, deliveries.finished_at,
         deliveries.route, deliveries.table_name, deliveries.row_id,
         deliveries.status, deliveries.attempt_count, null, deliveries.last_error_code, deliveries.last_error
  from crm_sync.deliveries
  where deliveries.finished_at > $1::timestamptz - $2::interval
    and not exists (
        select from crm_sync.delivery_attempts as attempts
        where attempts.delivery_id = deliveries.delivery_id and attempts.settled_at = deliveries.finished_at
    )
  order by 3, 2`;

/** Calls back for each line that is new since the call, until the signal. Throws when the database is gone. */
export async function followSettled(
  client: pg.ClientBase,
  signal: AbortSignal,
  onSettled: (settled: Settled) => void,
): Promise<void> {
  const now = async () =>
    (await client.query<{ now: Date }>("select clock_timestamp() as now")).rows[0]?.now;
  const read = async (since: Date | undefined) =>
    (await client.query<Settled>(SETTLED, [since, LOOK_BACK])).rows;

  let since = await now();
  let seen = new Set((await read(since)).map(({ key }) => key));
  while (!signal.aborted) {
    const upTo = await now();
    const rows = await read(since);
    for (const row of rows.filter(({ key }) => !seen.has(key))) onSettled(row);
    seen = new Set(rows.map(({ key }) => key));
    since = upTo;
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
