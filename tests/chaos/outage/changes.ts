/** The application's changes: when each is written, and which routes it fires. */
import type pg from "pg";

export interface Change {
  at: number;
  sql: string;
  values: unknown[];
  /** `route row-id`, one delivery each. */
  fires: string[];
  /** Payments that it leaves succeeded. */
  succeeds?: string[];
}

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

const KINDS = { lead: 1, customer: 2, request: 3, payment: 4, order: 5 };

export function idOf(kind: keyof typeof KINDS, number: number): string {
  return `${KINDS[kind]}0000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

/** `count` changes of one row each, evenly over the time, of leads, requests and payments; a key has up to three. */
export function singleChanges(count: number, from: number, until: number, first = 0): Change[] {
  return Array.from({ length: count }, (_, position) => {
    const at = from + Math.floor(((until - from) * position) / count);
    return singleChange(at, first + position);
  });
}

/** Six changes make a lead with two corrections, and a request with its payment, which succeeds. */
function singleChange(at: number, number: number): Change {
  const round = Math.floor(number / 6);
  switch (number % 6) {
    case 0:
      return leads(at, round, 1, `new ${number}`);
    case 2:
      return requests(at, round, 1);
    case 3:
      return payments(at, round, 1);
    case 4:
      return successes(at, round, 1);
    default:
      return corrections(at, round, 1, `corrected ${number}`);
  }
}

/** As a bulk import: thousands of changes in few statements, keys with up to three of them. */
export function bulkChanges(times: number[], size: number, first = 100_000): Change[] {
  return times.flatMap((at, round) =>
    round === 0
      ? [leads(at, first, size, "imported")]
      : [corrections(at, first, size, `import ${round}`)],
  );
}

export function bulkRequests(at: number, size: number, first = 100_000): Change[] {
  return [
    requests(at, first, size),
    payments(at + HOUR, first, size),
    successes(at + 2 * HOUR, first, size),
  ];
}

const idsOf = (kind: keyof typeof KINDS, first: number, size: number) =>
  Array.from({ length: size }, (_, position) => idOf(kind, first + position));

export function leads(at: number, first: number, size: number, firstname: string): Change {
  const ids = idsOf("lead", first, size);
  return {
    at,
    sql: `insert into public.leads (id, email, firstname)
          select id, 'lead' || n || '@example.org', $2 from unnest($1::uuid[]) with ordinality as ids (id, n)`,
    values: [ids, firstname],
    fires: ids.map((id) => `lead ${id}`),
  };
}

export function corrections(at: number, first: number, size: number, firstname: string): Change {
  const ids = idsOf("lead", first, size);
  return {
    at,
    sql: "update public.leads set firstname = $2 where id = any ($1::uuid[])",
    values: [ids, firstname],
    fires: ids.map((id) => `lead ${id}`),
  };
}

function requests(at: number, first: number, size: number): Change {
  const ids = idsOf("request", first, size);
  return {
    at,
    sql: `with made as (
            insert into public.customers (id, email, full_name)
            select id, 'customer' || n || '@example.org', 'Customer' from unnest($2::uuid[]) with ordinality as ids (id, n)
          )
          insert into public.requests (id, customer_id, city, status)
          select id, customer_id, 'Example', 'submitted' from unnest($1::uuid[], $2::uuid[]) as ids (id, customer_id)`,
    values: [ids, idsOf("customer", first, size)],
    fires: ids.map((id) => `request ${id}`),
  };
}

function payments(at: number, first: number, size: number): Change {
  const ids = idsOf("payment", first, size);
  return {
    at,
    sql: `insert into public.payments (id, request_id, stripe_session_id, amount)
          select id, request_id, 'fake-session-' || id, 9900 from unnest($1::uuid[], $2::uuid[]) as ids (id, request_id)`,
    values: [ids, idsOf("request", first, size)],
    fires: ids.map((id) => `payment_session ${id}`),
  };
}

function successes(at: number, first: number, size: number): Change {
  const ids = idsOf("payment", first, size);
  return {
    at,
    sql: "update public.payments set status = 'succeeded' where id = any ($1::uuid[])",
    values: [ids],
    fires: ids.map((id) => `payment_status ${id}`),
    succeeds: ids,
  };
}

/** Confirmed orders, which go to the other destination. */
export function orders(count: number, from: number, until: number): Change[] {
  return Array.from({ length: count }, (_, position) => {
    const id = idOf("order", position);
    return {
      at: from + Math.floor(((until - from) * position) / count),
      sql: `insert into public.orders (id, order_number, client_name, quantity, unit_price, total_amount, status)
            values ($1, $2, 'Example', 1, 10, 10, 'confirmed')`,
      values: [id, `order-${position}`],
      fires: [`order_confirmation ${id}`],
    };
  });
}

export async function write(client: pg.Client, { sql, values }: Change): Promise<void> {
  await client.query(sql, values);
}
