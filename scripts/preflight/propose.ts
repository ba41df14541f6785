/**
 * attach() calls for a project's own tables, after sql/app/attachments.sql: the record that the function gets has the
 * contract's names, whatever the columns are called. What a person must look at is said in a comment; a call that can not
 * work, or would guess, is commented out as a whole.
 */
import pg from "pg";
import type { Match } from "./match.ts";
import type { Entity } from "./vocabulary.ts";

/** Values of the status column, as they are in the table; empty: not looked, or none. */
export type StatusWords = Partial<Record<"draft" | "succeeded" | "refunded" | "confirmed", string>>;

export interface Proposal {
  route: string;
  sql: string;
  /** Empty: can be run as it stands. */
  doubts: string[];
  /** Counts, up to a limit, the rows that a backfill of the route would send; null: it sends none. */
  countSql: string | null;
}

/** More than so many rows are not counted. */
export const COUNT_LIMIT = 100_000;

const ident = pg.escapeIdentifier;
const literal = pg.escapeLiteral;
/** Plain where Postgres reads it so. */
const plain = (text: string) => (/^[a-z_][a-z0-9_]*$/.test(text) ? text : ident(text));

export function propose(matches: readonly Match[], words: StatusWords): Proposal[] {
  const of = (entity: Entity) => matches.find((match) => match.entity === entity);
  const [leads, customers, requests, payments, orders] = (
    ["leads", "customers", "requests", "payments", "orders"] as const
  ).map(of);
  const proposals: Proposal[] = [];
  if (leads) proposals.push(leadCall(leads));
  if (requests) proposals.push(requestCall(requests, customers, payments, words));
  if (requests && customers) proposals.push(relatedCall(customers, requests));
  if (payments) {
    proposals.push(
      creationCall("payment_session", payments, requests, customers),
      creationCall("payment_intent", payments, requests, customers),
      paidCall(payments, requests, customers, words),
    );
  }
  if (orders) proposals.push(orderCall(orders, words));
  return proposals;
}

function leadCall(leads: Match): Proposal {
  return attachCall("lead", leads, {
    orderingKey: `'lead:' || new.${keyOf(leads)}`,
    fields: Object.keys(leads.columns),
  });
}

function requestCall(
  requests: Match,
  customers: Match | undefined,
  payments: Match | undefined,
  words: StatusWords,
): Proposal {
  const status = columnOf(requests, "status");
  const paid = payments?.columns.status
    ? `exists (
            select from ${payments.table.qualified} as paid
            where paid.${columnOf(payments, "request_id")} = this.${keyOf(requests)}
              and (paid.${columnOf(payments, "status")} in (${literal(words.succeeded ?? "succeeded")}, ${literal(words.refunded ?? "refunded")})
                   or crm_sync.has_fired(${literal(payments.table.qualified)}, paid.${keyOf(payments)}::text, 'payment_status'))
        )`
    : "false";
  return attachCall("request", requests, {
    orderingKey: `'request:' || new.${keyOf(requests)}`,
    fields: Object.keys(requests.columns),
    condition: `new.${status} <> ${literal(words.draft ?? "draft")}`,
    joined: [
      ["customer", customerOf(customers, `this.${columnOf(requests, "customer_id")}`)],
      ["has_succeeded_payment", paid],
    ],
    doubts: [...without(customers, "customers"), ...guessed(words, "draft", requests)],
  });
}

function relatedCall(customers: Match, requests: Match): Proposal {
  const watched = Object.values(customers.columns).filter((column) => column !== null);
  const sql = `select crm_sync.attach_related(
    ${literal(customers.table.qualified)}, 'request', ${literal(requests.table.qualified)},
    p_watched => ${array(watched)},
    p_affected => $$select affected.${keyOf(requests)}::text from ${requests.table.qualified} as affected
                    where affected.${columnOf(requests, "customer_id")} = new.${keyOf(customers)}$$
);`;
  const faults = [...customers.faults, ...requests.faults];
  return { ...settled("request, by its customer", sql, faults, customers.doubts), countSql: null };
}

function creationCall(
  route: "payment_session" | "payment_intent",
  payments: Match,
  requests: Match | undefined,
  customers: Match | undefined,
): Proposal {
  const session = columnOf(payments, "stripe_session_id");
  const intent = columnOf(payments, "stripe_payment_intent_id");
  return attachCall(route, payments, {
    orderingKey: requestKey(payments),
    fields: Object.keys(payments.columns),
    condition:
      route === "payment_session"
        ? `crm_sync.is_present(new.${session})
        and not crm_sync.has_fired(${literal(payments.table.qualified)}, new.${keyOf(payments)}::text, 'payment_intent')`
        : `crm_sync.is_present(new.${intent}) and not crm_sync.is_present(new.${session})`,
    transition: `not crm_sync.is_present(old.${session}) and not crm_sync.is_present(old.${intent})`,
    rows:
      route === "payment_session"
        ? `new.${session} <> ''`
        : `new.${intent} <> '' and coalesce(new.${session}, '') = ''`,
    joined: [
      [
        "customer",
        customerOf(customers, customerOfRequest(payments, requests), [
          "email",
          "phone",
          "full_name",
        ]),
      ],
    ],
    doubts: [...without(requests, "requests"), ...without(customers, "customers")],
  });
}

function paidCall(
  payments: Match,
  requests: Match | undefined,
  customers: Match | undefined,
  words: StatusWords,
): Proposal {
  const status = columnOf(payments, "status");
  const succeeded = literal(words.succeeded ?? "succeeded");
  const request = requests
    ? `(select ${objectOf(requests, ["id", ...Object.keys(requests.columns)], "picked", "            ")}
            from ${requests.table.qualified} as picked where picked.${keyOf(requests)} = this.${columnOf(payments, "request_id")})`
    : "null";
  return attachCall("payment_status", payments, {
    orderingKey: requestKey(payments),
    fields: ["request_id", "stripe_session_id", "stripe_payment_intent_id", "amount"],
    watched: ["request_id", "stripe_session_id", "stripe_payment_intent_id", "amount", "status"],
    condition: `new.${status} = ${succeeded}`,
    transition: `old.${status} is distinct from ${succeeded}`,
    joined: [
      ["request", request],
      ["customer", customerOf(customers, customerOfRequest(payments, requests))],
    ],
    doubts: [
      ...without(requests, "requests"),
      ...without(customers, "customers"),
      ...guessed(words, "succeeded", payments),
    ],
  });
}

function orderCall(orders: Match, words: StatusWords): Proposal {
  const status = columnOf(orders, "status");
  const confirmed = literal(words.confirmed ?? "confirmed");
  return attachCall("order_confirmation", orders, {
    orderingKey: `'order:' || new.${keyOf(orders)}`,
    fields: Object.keys(orders.columns),
    condition: `new.${status} = ${confirmed}`,
    transition: `old.${status} is distinct from ${confirmed}`,
    doubts: guessed(words, "confirmed", orders),
  });
}

const EVENTS = ["payment_session", "payment_intent", "order_confirmation"];

interface Call {
  orderingKey: string;
  /** Of the record, by the contract's names. */
  fields: string[];
  watched?: string[];
  condition?: string;
  transition?: string;
  /** The condition as it can be asked before crm_sync is there; default: the same. */
  rows?: string;
  /** Further fields of the record. */
  joined?: [field: string, sql: string][];
  doubts?: string[];
}

function attachCall(route: string, match: Match, call: Call): Proposal {
  const { table, columns } = match;
  const isSame = (field: string) => columns[field] === field && !isNumericId(match, field);
  const watched = (call.watched ?? call.fields).flatMap((field) => columns[field] ?? []);
  const renamed = call.fields.filter((field) => !isSame(field));
  const hasPlainId = keyOf(match) === "id" && !isNumericId(match, "id");
  const joined = [
    ...(hasPlainId ? [] : [["id", sqlOf(match, "id", "this")] as [string, string]]),
    ...renamed.map((field): [string, string] => [field, sqlOf(match, field, "this")]),
    ...(call.joined ?? []),
  ];
  // Of an event's own row the capture sees nothing but these, so what is renamed must be among them.
  const kept = EVENTS.includes(route)
    ? [...new Set([...table.primary_key, ...watched])]
    : [...(hasPlainId ? ["id"] : []), ...call.fields.filter(isSame)];
  const lines = [
    `${literal(table.qualified)}, ${literal(route)}`,
    `p_watched => ${array(watched)}`,
    `p_columns => ${array(kept.length > 0 ? kept : [keyOf(match)])}`,
    `p_ordering_key => $$${call.orderingKey}$$`,
    ...(call.condition ? [`p_condition => $$${call.condition}$$`] : []),
    ...(call.transition ? [`p_transition => $$${call.transition}$$`] : []),
    ...(joined.length > 0
      ? [
          `p_joined => $$jsonb_build_object(\n        ${joined.map(([field, sql]) => `${literal(field)}, ${sql}`).join(",\n        ")}\n    )$$`,
        ]
      : []),
  ];
  const sql = `select crm_sync.attach(\n    ${lines.join(",\n    ")}\n);`;
  const rows = `from ${table.qualified} as new where ${call.rows ?? call.condition ?? "true"}`;
  return {
    ...settled(route, sql, match.faults, [...match.doubts, ...(call.doubts ?? [])]),
    countSql:
      match.faults.length > 0
        ? null
        : `select count(*)::int as count from (select ${rows} limit ${COUNT_LIMIT + 1}) as some_rows`,
  };
}

/** With what is doubtful above it; commented out where it can not work. */
function settled(
  route: string,
  sql: string,
  faults: string[],
  doubts: string[],
): Omit<Proposal, "countSql"> {
  const notes = [...faults, ...doubts].map((text) => `-- ${route}: ${text}\n`).join("");
  const isBroken = faults.length > 0 || doubts.some((text) => text.startsWith("which "));
  return {
    route,
    sql: notes + (isBroken ? sql.replace(/^/gm, "-- ") : sql),
    doubts: [...faults, ...doubts],
  };
}

function customerOf(
  customers: Match | undefined,
  id: string,
  fields = customers ? Object.keys(customers.columns) : [],
): string {
  if (!customers) return "null";
  return `(select ${objectOf(customers, fields, "picked", "            ")}
            from ${customers.table.qualified} as picked where picked.${keyOf(customers)} = ${id})`;
}

function customerOfRequest(payments: Match, requests: Match | undefined): string {
  if (!requests) return "null";
  return `(select asked.${columnOf(requests, "customer_id")} from ${requests.table.qualified} as asked where asked.${keyOf(requests)} = this.${columnOf(payments, "request_id")})`;
}

function objectOf(match: Match, fields: string[], alias: string, indent: string): string {
  const pairs = fields.map((field) => `${literal(field)}, ${sqlOf(match, field, alias)}`);
  return `jsonb_build_object(${pairs.join(`,\n${indent}    `)})`;
}

function sqlOf(match: Match, field: string, alias: string): string {
  const column = columnNamed(match, field);
  if (!column) return "null::text";
  return `${alias}.${plain(column)}${isNumericId(match, field) ? "::text" : ""}`;
}

/** An id is text to the function, and to receivers. */
function isNumericId(match: Match, field: string): boolean {
  const column = columnNamed(match, field);
  const isId = ["id", "customer_id", "request_id"].includes(field);
  return isId && match.table.columns.find(({ name }) => name === column)?.category === "N";
}

function columnNamed({ columns, table }: Match, field: string): string | null {
  return field === "id" ? (table.primary_key[0] ?? null) : (columns[field] ?? null);
}

function columnOf({ columns }: Match, field: string): string {
  return plain(columns[field] ?? field);
}

function keyOf({ table }: Match): string {
  return plain(table.primary_key[0] ?? "id");
}

function requestKey(payments: Match): string {
  return `'request:' || coalesce(new.${columnOf(payments, "request_id")}, new.${keyOf(payments)})`;
}

function without(match: Match | undefined, entity: Entity): string[] {
  return match
    ? []
    : [`no table of ${entity} was found: what is joined from it is null, and refused`];
}

function guessed(words: StatusWords, word: keyof StatusWords, { columns, table }: Match): string[] {
  if (words[word] !== undefined) return [];
  return [
    `which ${columns.status ?? "status"} of ${table.qualified} means ${word}? None of those in the table is known`,
  ];
}

function array(names: string[]): string {
  return `array[${names.map((one) => literal(one)).join(", ")}]`;
}
