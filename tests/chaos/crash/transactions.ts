/** What the writers write: an endless, repeatable run of transactions over every route, each row with a state that is counted up. */
import { randomUUID } from "node:crypto";

export interface Statement {
  text: string;
  values: unknown[];
}

export interface Transaction {
  statements: Statement[];
  /** New rows of the tables that are watched. */
  rowCount: number;
  /** The state of each row it writes, once it has committed. */
  states: Map<string, string>;
}

/** The state of every row that can be written, as the database has it. */
export const STATES = `
  select id, firstname as state from public.leads
  union all select id, city from public.requests
  union all select id, status from public.payments
  union all select id, client_name from public.orders`;

interface Story {
  request: string;
  payment: string;
}

/** One writer's transactions, one after another; an update is of a row that the same writer inserted. */
export function* transactionsOf(writer: number): Generator<Transaction, never> {
  const leads: string[] = [];
  const stories: Story[] = [];
  for (let round = 1; ; round += 1) {
    const state = `state ${round}`;
    yield insertLeads(leads, 12, state, writer);
    yield merge(updateLeads(leads.slice(-20, -14), state), insertLeads(leads, 4, state, writer));
    yield insertStory(stories, state);
    yield merge(insertOrders(3, `${writer}-${round}`), updateLeads(leads.slice(-3), `${state}b`));
    const story = stories[(round - 1) >> 1];
    // Each second round pays a request and moves it to another town, in one transaction.
    if (round % 2 === 0 && story) yield payStory(story, state);
  }
}

function insertLeads(known: string[], count: number, state: string, writer: number): Transaction {
  const ids = Array.from({ length: count }, () => randomUUID());
  known.push(...ids);
  return {
    statements: [
      {
        text: `insert into public.leads (id, email, firstname, lastname, source)
               select id, $2, $3, 'Exemple', 'crash' from unnest($1::uuid[]) as ids (id)`,
        values: [ids, `writer-${writer}@example.test`, state],
      },
    ],
    rowCount: count,
    states: new Map(ids.map((id) => [id, state])),
  };
}

function updateLeads(ids: string[], state: string): Transaction {
  return {
    statements: [
      {
        text: "update public.leads set firstname = $2 where id = any ($1)",
        values: [ids, state],
      },
    ],
    rowCount: 0,
    states: new Map(ids.map((id) => [id, state])),
  };
}

function insertStory(known: Story[], state: string): Transaction {
  const story = { request: randomUUID(), payment: randomUUID() };
  const customer = randomUUID();
  known.push(story);
  return {
    statements: [
      {
        text: "insert into public.customers (id, email, full_name) values ($1, $2, 'Alix Exemple')",
        values: [customer, "client@example.test"],
      },
      {
        text: `insert into public.requests (id, customer_id, city, power_kva, status) values ($1, $2, $3, 12.5, 'submitted')`,
        values: [story.request, customer, state],
      },
      {
        text: `insert into public.payments (id, request_id, stripe_session_id, amount) values ($1, $2, $3, 12900)`,
        values: [story.payment, story.request, `cs_example_${story.payment}`],
      },
    ],
    rowCount: 2,
    states: new Map([
      [story.request, state],
      [story.payment, "pending"],
    ]),
  };
}

function payStory({ request, payment }: Story, state: string): Transaction {
  return {
    statements: [
      {
        text: "update public.payments set status = 'succeeded' where id = $1",
        values: [payment],
      },
      { text: "update public.requests set city = $2 where id = $1", values: [request, state] },
    ],
    rowCount: 0,
    states: new Map([
      [request, state],
      [payment, "succeeded"],
    ]),
  };
}

function insertOrders(count: number, name: string): Transaction {
  const ids = Array.from({ length: count }, () => randomUUID());
  return {
    statements: [
      {
        text: `insert into public.orders (id, order_number, client_name, product_name, quantity, unit_price, total_amount, status)
               select id, 'CMD-' || $2 || '-' || place, $2, 'Coffret', 2, 19.90, 39.80, 'confirmed'
               from unnest($1::uuid[]) with ordinality as ids (id, place)`,
        values: [ids, name],
      },
    ],
    rowCount: count,
    states: new Map(ids.map((id) => [id, name])),
  };
}

function merge(one: Transaction, other: Transaction): Transaction {
  return {
    statements: [...one.statements, ...other.statements],
    rowCount: one.rowCount + other.rowCount,
    states: new Map([...one.states, ...other.states]),
  };
}
