/** What became of everything: the receiver beside the database, the calls beside the ledger. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Load } from "./load.ts";
import type { Strike } from "./strike.ts";
import { STATES } from "./transactions.ts";
import type { World } from "./world.ts";

export interface Account {
  /** Rows in the database that a receiver must know. */
  rows: number;
  /** Acknowledged, and not so in the database. */
  forgotten: string[];
  /** In the database, and not so at the receiver. */
  lost: string[];
  /** Deliveries by status, and what capture still has to do. */
  deliveries: Record<string, number>;
  uncaptured: number;
  calls: number;
  /** Calls of a key that had been called before. */
  repeats: number;
  /** Tries that were in flight while the blow lasted. */
  triesHit: number;
  /** Tries since then that nobody could answer in time, as on a machine that is too busy: they may be repeated, too. */
  triesUnsure: number;
  /** Keys repeated more often than tries of theirs were hit or unsure. */
  repeatedWithoutReason: string[];
  /** Keys that no delivery has. */
  foreignKeys: string[];
  /** Against the contract: an idempotency key that came with another body is among them. */
  violations: string[];
  /** Calls that began while another of the same ordering key was open. */
  overlaps: number;
  envelopes: Record<string, number>;
  faults: string[];
  /** From the end of the blow until nothing was unfinished. */
  secondsToFinish: number;
}

const UNFINISHED = `
  select (select count(*) from crm_sync.deliveries where status in ('pending', 'in_flight'))
         + (select count(*) from crm_sync.capture_failures)
         + (select count(*) from crm_sync.related_changes) as count`;

/** Waits until the writers are through and nothing is unfinished, or the limit is over; then counts. */
export async function closeAccount(
  world: World,
  load: Load,
  strike: Strike,
  limitMs: number,
): Promise<Account> {
  await load.done;
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; await sleep(500)) {
    const [unfinished] = await world.query<{ count: string }>(UNFINISHED);
    if (unfinished?.count === "0") break;
  }
  const secondsToFinish = (Date.now() - strike.end.getTime()) / 1_000;
  return {
    ...(await compareRows(world, load)),
    ...(await countLedger(world)),
    ...(await countCalls(world, strike)),
    secondsToFinish,
  };
}

/** What the receiver must have stored last, by its own names, as the database has it now. */
const EXPECTED = `
  select 'lovable_lead_id:' || id as entity,
         jsonb_build_object('email', email, 'firstName', firstname, 'lastName', lastname) as state
  from public.leads
  union all
  select 'lovable_request_id:' || requests.id,
         jsonb_build_object(
           'city', city, 'status', requests.status, 'email', customers.email,
           'payment_status', case when exists (
             select from public.payments where request_id = requests.id and status = 'succeeded'
           ) then 'paid' else 'pending' end)
  from public.requests join public.customers on customers.id = customer_id
  union all
  select 'lovable_payment_id:' || id,
         jsonb_build_object('request_id', request_id, 'payment_session_id', stripe_session_id, 'amount', amount)
  from public.payments
  union all
  select 'order_number:' || order_number,
         jsonb_build_object('order_id', id, 'client_name', client_name, 'total_amount', total_amount)
  from public.orders`;

async function compareRows(world: World, load: Load) {
  const states = await world.query<{ id: string; state: string }>(STATES);
  const stateById = new Map(states.map(({ id, state }) => [id, state]));
  const forgotten = [...load.committed.states].flatMap(([id, state]) =>
    stateById.get(id) === state ? [] : [`${id}: ${stateById.get(id)} in place of ${state}`],
  );
  const expected = await world.query<{ entity: string; state: Record<string, unknown> }>(EXPECTED);
  const lost = expected.flatMap(({ entity, state }) => {
    const received = world.receiver.effects.get(entity)?.state ?? {};
    const fields = (received.fields ?? received) as Record<string, unknown>;
    const differing = Object.keys(state).filter((name) => fields[name] !== state[name]);
    const wrong = differing.map((name) => `${name} is ${fields[name]} in place of ${state[name]}`);
    return wrong.length > 0 ? [`${entity}: ${wrong.join(", ")}`] : [];
  });
  return { rows: expected.length, forgotten, lost };
}

async function countLedger({ query }: World) {
  const counts = async (table: string) => {
    const rows = await query<{ status: string; count: number }>(
      `select status, count(*)::int as count from crm_sync.${table} group by status order by status`,
    );
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  };
  const [open] = await query<{ uncaptured: number }>(
    `select ((select count(*) from crm_sync.capture_failures)
             + (select count(*) from crm_sync.related_changes))::int as uncaptured`,
  );
  const faults = await query<{ fault: string }>(
    "select place || ': ' || sql_state || coalesce(' ' || detail, '') as fault from crm_sync.faults",
  );
  return {
    deliveries: await counts("deliveries"),
    envelopes: await counts("envelopes"),
    uncaptured: open?.uncaptured ?? 0,
    faults: faults.map(({ fault }) => fault),
  };
}

/** One key's calls and tries, in seconds since the blow. */
async function tellTries(
  { query, receiver }: Pick<World, "query" | "receiver">,
  key: string,
  begin: Date,
): Promise<string> {
  const since = (at: Date) => ((at.getTime() - begin.getTime()) / 1_000).toFixed(1);
  const calls = receiver.calls.filter(({ idempotencyKey }) => idempotencyKey === key);
  const tries = await query<{
    dispatched_at: Date;
    settled_at: Date;
    outcome: string;
    error_code: string | null;
    error: string | null;
  }>(
    `select attempts.* from crm_sync.delivery_attempts as attempts
     join crm_sync.deliveries on deliveries.delivery_id = attempts.delivery_id
     where idempotency_key = $1 order by attempts.dispatched_at`,
    [key],
  );
  return [
    `${key}: called at ${calls.map(({ receivedAt }) => since(receivedAt)).join(", ")} s;`,
    ...tries.map(
      (tried) =>
        `tried ${since(tried.dispatched_at)} to ${since(tried.settled_at)} s: ${tried.outcome} ${tried.error_code ?? ""} ${tried.error ?? ""}`,
    ),
  ].join(" ");
}

async function countCalls({ query, receiver }: World, { begin, end }: Strike) {
  const callsByKey = new Map<string, number>();
  for (const { idempotencyKey } of receiver.calls) {
    const key = idempotencyKey ?? "none";
    callsByKey.set(key, (callsByKey.get(key) ?? 0) + 1);
  }
  const keys = await query<{ key: string; hit: number; unsure: number }>(
    `select idempotency_key as key,
            (count(*) filter (where dispatched_at <= $2 and settled_at >= $1))::int as hit,
            (count(*) filter (where dispatched_at > $2 and outcome = 'unknown'))::int as unsure
     from crm_sync.deliveries
     left join crm_sync.delivery_attempts as attempts
       on attempts.delivery_id = deliveries.delivery_id
     group by idempotency_key`,
    [begin, end],
  );
  const sum = (field: "hit" | "unsure") => keys.reduce((total, key) => total + key[field], 0);
  const allowedByKey = new Map(keys.map(({ key, hit, unsure }) => [key, hit + unsure]));
  const tooOften = [...callsByKey].filter(
    ([key, count]) => count - 1 > (allowedByKey.get(key) ?? 0),
  );
  return {
    calls: receiver.calls.length,
    repeats: receiver.calls.length - callsByKey.size,
    triesHit: sum("hit"),
    triesUnsure: sum("unsure"),
    repeatedWithoutReason: await Promise.all(
      tooOften.slice(0, 20).map(([key]) => tellTries({ query, receiver }, key, begin)),
    ),
    foreignKeys: [...callsByKey.keys()].filter((key) => !allowedByKey.has(key)),
    violations: receiver.violations
      .filter(({ kind }) => kind !== "overlap")
      .map(({ kind, detail }) => `${kind}: ${detail}`),
    overlaps: receiver.overlaps.length,
  };
}
