/** What must hold when faults have stopped and everything has settled: the promises, read off ledger and receivers. */

import { parseJson, stringifyJson } from "../../../supabase/functions/crm-sync/json.ts";
import { routes } from "../../../supabase/functions/crm-sync/routes.ts";
import type { Arrival } from "../world/receivers.ts";
import { type Delivery, describe, type Ledger } from "./ledger.ts";
import type { Connections, World } from "./world.ts";

/** What of a world the promises are read off. */
export type Witness = Pick<World, "receivers" | "erased"> & {
  connections: Pick<Connections, "mover">;
  application: Pick<World["application"], "fired" | "succeeded">;
};

const MAX_ATTEMPTS = 11;

/** Each broken promise in words; empty if all were kept. */
export async function brokenPromises(world: Witness, ledger: Ledger): Promise<string[]> {
  return [
    ...(await auditedViolations(world)),
    ...(await faultsInTheTick(world)),
    ...badEnds(ledger),
    ...badArrivals(world.receivers.arrivals, ledger),
    ...missedChanges(world, ledger),
    ...(await staleEntities(world, ledger)),
  ];
}

async function auditedViolations({ connections }: Witness): Promise<string[]> {
  const { rows } = await connections.mover.query<{ text: string }>(`
    select format('delivery %s: %s (%s → %s)', delivery_id, violation, old_status, new_status) as text
    from chaos.audited where violation is not null`);
  return rows.map(({ text }) => text);
}

/** Our own code may meet what was made to fail, and nothing else. */
async function faultsInTheTick({ connections }: Witness): Promise<string[]> {
  const { rows } = await connections.mover.query<{ text: string }>(`
    select format('fault in %s: %s %s', place, sql_state, detail) as text
    from crm_sync.faults where sql_state not in ('42703', '53100')`);
  return rows.map(({ text }) => text);
}

function badEnds(ledger: Ledger): string[] {
  const keys = new Set([...ledger.values()].map(({ idempotency_key }) => idempotency_key));
  return [
    ...(keys.size < ledger.size ? ["an idempotency key is shared"] : []),
    ...[...ledger.values()].flatMap((delivery) => {
      if (delivery.attempt_count > MAX_ATTEMPTS)
        return `${describe(delivery)} was attempted ${delivery.attempt_count} times`;
      if (delivery.status === "dead" && !delivery.last_error_code)
        return `${describe(delivery)} is dead without a reason`;
      if (delivery.status === "superseded" && !isStoodFor(delivery, ledger))
        return `${describe(delivery)} is superseded by nothing`;
      return [];
    }),
  ];
}

function isStoodFor(delivery: Delivery, ledger: Ledger): boolean {
  let newer: Delivery | undefined = delivery;
  while (newer?.superseded_by) newer = ledger.get(newer.superseded_by);
  return newer !== undefined && ["delivered", "dead", "cancelled"].includes(newer.status);
}

/** One effect per delivery: each key is one delivery's, with one body, and what is called delivered had arrived. */
function badArrivals(arrivals: Arrival[], ledger: Ledger): string[] {
  const known = new Set([...ledger.values()].map(({ idempotency_key }) => idempotency_key));
  const bodies = new Map<string, string>();
  const confirmed = new Set<string>();
  const broken: string[] = [];
  for (const { idempotencyKey, body, confirmed: isConfirmed } of arrivals) {
    if (!known.has(idempotencyKey)) broken.push(`a call with a key of no delivery: ${body}`);
    if ((bodies.get(idempotencyKey) ?? body) !== body)
      broken.push(`one key, two bodies: ${bodies.get(idempotencyKey)} and ${body}`);
    bodies.set(idempotencyKey, body);
    if (isConfirmed) confirmed.add(idempotencyKey);
  }
  const unheard = [...ledger.values()].filter(
    ({ status, idempotency_key }) => status === "delivered" && !confirmed.has(idempotency_key),
  );
  return [
    ...broken,
    ...unheard.map((delivery) => `${describe(delivery)} never reached its receiver`),
  ];
}

/** Every committed change that the contract names has a delivery of its own. */
function missedChanges({ application, erased }: Witness, ledger: Ledger): string[] {
  const captured = new Map<string, number>();
  for (const { route, row_id, is_backfill } of ledger.values()) {
    if (is_backfill) continue;
    captured.set(`${route} ${row_id}`, (captured.get(`${route} ${row_id}`) ?? 0) + 1);
  }
  return [...application.fired]
    .filter(([fire]) => !erased.has(fire.split(" ")[1] ?? ""))
    .filter(([fire, times]) => (captured.get(fire) ?? 0) < times)
    .map(
      ([fire, times]) => `${fire} fired ${times} times, captured ${captured.get(fire) ?? 0} times`,
    );
}

/** The receivers' last state of every entity is the database's, both with and without regard to repeated keys. */
async function staleEntities(world: Witness, ledger: Ledger): Promise<string[]> {
  const broken: string[] = [];
  for (const { entity, rowIds, expected } of await entitiesOf(world)) {
    if (endsUnsaid(rowIds, ledger) || rowIds.some((id) => world.erased.has(id))) continue;
    for (const [how, payload] of lastStates(entity, world.receivers.arrivals)) {
      const told = Object.fromEntries(
        Object.keys(expected).map((field) => [field, payload?.[field]]),
      );
      if (JSON.stringify(told) !== JSON.stringify(expected)) {
        broken.push(
          `${entity} (${how}): the receiver has ${JSON.stringify(told)}, the database ${JSON.stringify(expected)}`,
          ...aboutRows(rowIds, ledger).map(tell),
        );
      }
    }
  }
  return broken;
}

function lastStates(entity: string, all: Arrival[]): [string, Arrival["payload"] | undefined][] {
  const arrivals = all.filter((arrival) => arrival.entity === entity);
  const first = arrivals.filter(
    ({ idempotencyKey }, position) =>
      arrivals.findIndex((other) => other.idempotencyKey === idempotencyKey) === position,
  );
  return [
    ["last heard", arrivals.at(-1)?.payload],
    ["repeated keys ignored", first.at(-1)?.payload],
  ];
}

/** The states that were told, or should have been. */
function aboutRows(rowIds: string[], ledger: Ledger): Delivery[] {
  return [...ledger.values()].filter(
    ({ row_id, route }) =>
      rowIds.includes(row_id) && ["lead", "request", "payment_status"].includes(route),
  );
}

function tell(delivery: Delivery): string {
  const { claimed_at, finished_at, superseded_by } = delivery;
  const stamps = [claimed_at, finished_at]
    .map((at) => at?.toISOString() ?? "never")
    .join(", finished ");
  return `  ${describe(delivery)}: read ${stamps}${superseded_by ? `, superseded by ${superseded_by}` : ""}`;
}

/** Whether the last word about these rows was refused, cancelled or erased: then the receiver cannot know it. */
function endsUnsaid(rowIds: string[], ledger: Ledger): boolean {
  const about = aboutRows(rowIds, ledger);
  const readAt = ({ claimed_at, finished_at }: Delivery) =>
    (claimed_at ?? finished_at)?.getTime() ?? 0;
  const said = about.filter(({ status }) => status === "delivered");
  const lastRead = Math.max(0, ...said.map(readAt));
  const lastCaptured = Math.max(0, ...said.map(({ delivery_id }) => Number(delivery_id)));
  return about
    .filter(({ status }) => status === "dead" || status === "cancelled")
    .some((unsaid) => readAt(unsaid) >= lastRead || Number(unsaid.delivery_id) > lastCaptured);
}

interface Entity {
  entity: string;
  /** Rows whose deliveries tell of it. */
  rowIds: string[];
  expected: Record<string, unknown>;
}

type Row = Record<string, string | number | boolean | null>;

async function entitiesOf({ connections, application }: Witness): Promise<Entity[]> {
  const read = async (sql: string) =>
    (await connections.mover.query<{ row: Row }>(sql)).rows.map(({ row }) => row);
  const leads = await read("select to_jsonb(leads) as row from public.leads");
  const requests = await read(
    "select to_jsonb(requests) as row from public.requests where status <> 'draft'",
  );
  const customers = await read("select to_jsonb(customers) as row from public.customers");
  const payments = await read("select to_jsonb(payments) as row from public.payments");
  return [
    ...leads.map((row) => ({
      entity: `lead:${row.id}`,
      rowIds: [String(row.id)],
      expected: payloadOf("lead", row),
    })),
    ...requests.map((row) => {
      const own = payments.filter(({ request_id }) => request_id === row.id);
      const isPaid = own.some(
        ({ id, status }) =>
          status === "succeeded" || status === "refunded" || application.succeeded.has(String(id)),
      );
      const customer = customers.find(({ id }) => id === row.customer_id) ?? null;
      return {
        entity: `request:${row.id}`,
        rowIds: [row, ...own].map(({ id }) => String(id)),
        expected: payloadOf("request", { ...row, customer, has_succeeded_payment: isPaid }),
      };
    }),
  ].filter((entity): entity is Entity => entity.expected !== null);
}

/** What the mapper makes of the row as the database has it now; null where it refuses the row. */
function payloadOf(route: "lead" | "request", record: object): Record<string, unknown> | null {
  const exact = parseJson(JSON.stringify(record));
  const prepared = routes[route].prepare(exact, { capturedAt: "", site: "" });
  return "payload" in prepared ? JSON.parse(stringifyJson(prepared.payload)) : null;
}
