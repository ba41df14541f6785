/** The ledger as it stands between two steps, and what no step may do to it. */
import type pg from "pg";

export interface Delivery {
  delivery_id: string;
  idempotency_key: string;
  route: string;
  destination: string;
  row_id: string;
  ordering_key: string;
  status: string;
  attempt_count: number;
  next_attempt_at: Date;
  claimed_at: Date | null;
  finished_at: Date | null;
  envelope_id: string | null;
  covered_by: string | null;
  superseded_by: string | null;
  is_backfill: boolean;
  last_error_code: string | null;
}

export type Ledger = Map<string, Delivery>;

export async function readLedger(client: pg.Client): Promise<Ledger> {
  const { rows } = await client.query<Delivery>(`
    select delivery_id, idempotency_key, route, destination, row_id, ordering_key, status, attempt_count, next_attempt_at,
           claimed_at, finished_at, envelope_id, covered_by, superseded_by, is_backfill, last_error_code
    from crm_sync.deliveries order by delivery_id`);
  return new Map(rows.map((row) => [row.delivery_id, row]));
}

export function isUnfinished({ status }: Delivery): boolean {
  return status === "pending" || status === "in_flight";
}

const keyOf = (delivery: Delivery) => `${delivery.destination} ${delivery.ordering_key}`;

/** Promise 2, between two looks at the ledger: nothing overlapped and nothing overtook. */
export function brokenOrder(before: Ledger, after: Ledger): string[] {
  return [...overlapping(after), ...overtaking(before, after)];
}

function overlapping(ledger: Ledger): string[] {
  const envelopes = new Map<string, Set<string>>();
  for (const delivery of ledger.values()) {
    if (!delivery.envelope_id) continue;
    const ofKey = envelopes.get(keyOf(delivery)) ?? new Set();
    envelopes.set(keyOf(delivery), ofKey.add(delivery.envelope_id));
  }
  return [...envelopes]
    .filter(([, ofKey]) => ofKey.size > 1)
    .map(([key]) => `two envelopes of ${key} are under way at once`);
}

/** Claimed now, while one that stood before it on its key, and could be seen to, still waits. */
function overtaking(before: Ledger, after: Ledger): string[] {
  const claimed = [...after.values()].filter(
    ({ delivery_id, envelope_id }) =>
      envelope_id && before.get(delivery_id)?.envelope_id !== envelope_id,
  );
  return claimed.flatMap((delivery) =>
    [...before.values()]
      .filter(
        (other) => other !== delivery && keyOf(other) === keyOf(delivery) && isUnfinished(other),
      )
      .filter((other) => stoodBefore(other, before.get(delivery.delivery_id) ?? delivery))
      .filter((other) => stillWaits(after.get(other.delivery_id), delivery, after))
      .map((other) => `${describe(delivery)} overtook ${describe(other)}`),
  );
}

/** What was attempted stands in front; then the order of capture. */
function stoodBefore(first: Delivery, second: Delivery): boolean {
  if (first.delivery_id === second.delivery_id) return false;
  const [firstAt, secondAt] = [first, second].map(
    ({ claimed_at }) => claimed_at?.getTime() ?? Infinity,
  );
  if (firstAt !== secondAt) return Number(firstAt) < Number(secondAt);
  return Number(first.delivery_id) < Number(second.delivery_id);
}

/** An older state leaves with the newer one that stands for it, which is judged in its stead. */
function stillWaits(other: Delivery | undefined, claimed: Delivery, ledger: Ledger): boolean {
  if (other?.status !== "pending") return false;
  const cover = other.covered_by ? ledger.get(other.covered_by) : undefined;
  if (!cover) return true;
  return cover !== claimed && cover.status !== "in_flight" && stillWaits(cover, claimed, ledger);
}

export function describe(delivery: Delivery): string {
  const { delivery_id, route, row_id, status, last_error_code } = delivery;
  return `delivery ${delivery_id} (${route} of ${row_id.slice(0, 1)}…${row_id.slice(-3)}, ${status}${last_error_code ? `, ${last_error_code}` : ""})`;
}
