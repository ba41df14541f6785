/**
 * attach() calls for a project's own tables, after sql/app/attachments.sql: the record that the function gets has the
 * contract's names, whatever the columns are called. What a person should know stands above a call; one that can not work,
 * or would guess, is commented out.
 */
import pg from "pg";
import type { Column, Match } from "./match.ts";
import { type Entity, VOCABULARY } from "./vocabulary.ts";

export type StatusWord = "draft" | "succeeded" | "refunded" | "confirmed";

/** For each word of the contract the values of the status column that mean it; absent: none is known. */
export type StatusWords = Partial<Record<StatusWord, string[]>>;

export interface Proposal {
  route: string;
  sql: string;
  /** What to look at; empty: nothing. */
  doubts: string[];
  isCommentedOut: boolean;
  /** Counts, up to a limit, the rows that a backfill of the route would send; null: it sends none. */
  countSql: string | null;
}

/** More than so many rows are not counted. */
export const COUNT_LIMIT = 100_000;

const EVENTS = ["payment_session", "payment_intent", "order_confirmation"];
const literal = pg.escapeLiteral;
/** Plain where Postgres reads it so. */
const plain = (text: string) =>
  /^[a-z_][a-z0-9_]*$/.test(text) ? text : pg.escapeIdentifier(text);

export function propose(matches: readonly Match[], words: StatusWords): Proposal[] {
  const of = (entity: Entity) => matches.find((match) => match.entity === entity);
  const [leads, customers, requests, payments, orders] = (
    ["leads", "customers", "requests", "payments", "orders"] as const
  ).map(of);
  return [
    ...(leads ? [leadCall(leads)] : []),
    ...(requests ? [requestCall(requests, customers, payments, words)] : []),
    ...(requests && customers ? [relatedCall(customers, requests, payments, words)] : []),
    ...(payments
      ? [
          creationCall("payment_session", payments, requests, customers),
          creationCall("payment_intent", payments, requests, customers),
          paidCall(payments, requests, customers, words),
        ]
      : []),
    ...(orders ? [orderCall(orders, words)] : []),
    ...personCall(leads, customers, orders),
  ];
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
  const paid = withoutFault(payments);
  const hasPaid =
    paid &&
    `exists (
            select from ${paid.table.qualified} as paid
            where paid.${columnOf(paid, "request_id")} = this.${keyOf(requests)}
              and (${textOf(paid, "status", "paid")} in (${list([...valuesOf(words, "succeeded"), ...valuesOf(words, "refunded")])})
                   or crm_sync.has_fired(${literal(paid.table.qualified)}, paid.${keyOf(paid)}::text, 'payment_status'))
        )`;
  return attachCall("request", requests, {
    orderingKey: `'request:' || new.${keyOf(requests)}`,
    fields: Object.keys(requests.columns),
    ...isNoDraft(requests, words),
    joined: [
      ["customer", customerOf(customers, `this.${columnOf(requests, "customer_id")}`)],
      ["has_succeeded_payment", hasPaid ?? "false"],
    ],
    doubts: paid
      ? unknownWord(words, "refunded", paid)
      : ["no payments to look at: every request is told as pending"],
    questions: [...joinFaults(customers, "customers"), ...unknownInRequests(requests, paid, words)],
  });
}

function relatedCall(
  customers: Match,
  requests: Match,
  payments: Match | undefined,
  words: StatusWords,
): Proposal {
  const watched = Object.values(customers.columns).filter((column) => column !== null);
  const sql = `select crm_sync.attach_related(
    ${literal(customers.table.qualified)}, 'request', ${literal(requests.table.qualified)},
    p_watched => ${array(watched)},
    p_affected => ${quoted(`select affected.${keyOf(requests)}::text from ${requests.table.qualified} as affected
                    where affected.${columnOf(requests, "customer_id")} = new.${keyOf(customers)}`)}
);`;
  const reasons = [
    ...requests.questions,
    ...requests.faults,
    ...unknownInRequests(requests, withoutFault(payments), words),
  ];
  const broken = reasons.length > 0 ? ["the request's call above is commented out"] : [];
  return {
    ...settled("request, by its customer", sql, [...customers.faults, ...broken], customers.doubts),
    countSql: null,
  };
}

function creationCall(
  route: "payment_session" | "payment_intent",
  payments: Match,
  requests: Match | undefined,
  customers: Match | undefined,
): Proposal {
  const is = (row: string, field: string) => `crm_sync.is_present(${textOf(payments, field, row)})`;
  const [session, intent] = ["stripe_session_id", "stripe_payment_intent_id"] as const;
  const filled = (field: string) => `coalesce(${textOf(payments, field, "new")}, '') <> ''`;
  return attachCall(route, payments, {
    orderingKey: requestKey(payments),
    fields: Object.keys(payments.columns),
    condition:
      route === "payment_session"
        ? `${is("new", session)}
        and not crm_sync.has_fired(${literal(payments.table.qualified)}, new.${keyOf(payments)}::text, 'payment_intent')`
        : `${is("new", intent)} and not ${is("new", session)}`,
    rows:
      route === "payment_session"
        ? filled(session)
        : `${filled(intent)} and not ${filled(session)}`,
    transition: `not ${is("old", session)} and not ${is("old", intent)}`,
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
    questions: [...joinFaults(requests, "requests"), ...joinFaults(customers, "customers")],
  });
}

function paidCall(
  payments: Match,
  requests: Match | undefined,
  customers: Match | undefined,
  words: StatusWords,
): Proposal {
  const status = textOf(payments, "status", "new");
  const before = textOf(payments, "status", "old");
  const succeeded = list(valuesOf(words, "succeeded"));
  const request = requests
    ? `(select ${objectOf(requests, ["id", ...Object.keys(requests.columns)], statusOf(requests, words))}
            from ${requests.table.qualified} as picked where picked.${keyOf(requests)} = this.${columnOf(payments, "request_id")})`
    : "null";
  return attachCall("payment_status", payments, {
    orderingKey: requestKey(payments),
    fields: ["request_id", "stripe_session_id", "stripe_payment_intent_id", "amount"],
    watched: ["request_id", "stripe_session_id", "stripe_payment_intent_id", "amount", "status"],
    condition: `${status} in (${succeeded})`,
    transition: `(${before} in (${succeeded})) is not true`,
    joined: [
      ["request", request],
      ["customer", customerOf(customers, customerOfRequest(payments, requests))],
    ],
    questions: [
      ...joinFaults(requests, "requests"),
      ...joinFaults(customers, "customers"),
      ...unknownWord(words, "succeeded", payments),
    ],
  });
}

function orderCall(orders: Match, words: StatusWords): Proposal {
  const confirmed = list(valuesOf(words, "confirmed"));
  return attachCall("order_confirmation", orders, {
    orderingKey: `'order:' || new.${keyOf(orders)}`,
    fields: Object.keys(orders.columns),
    condition: `${textOf(orders, "status", "new")} in (${confirmed})`,
    transition: `(${textOf(orders, "status", "old")} in (${confirmed})) is not true`,
    questions: unknownWord(words, "confirmed", orders),
  });
}

/** By which columns export_person() and erase_person() find somebody, where they have other names than ours. */
function personCall(...people: (Match | undefined)[]): Proposal[] {
  const named = (field: string) =>
    people.flatMap((match) => match?.columns[field] ?? match?.columns[`client_${field}`] ?? []);
  const others = (field: string, known: string[]) =>
    named(field).filter((column) => !known.includes(column));
  const sets = [
    ["email_columns", others("email", ["email", "client_email"])],
    ["phone_columns", others("phone", ["phone", "client_phone"])],
  ] as const;
  const changes = sets
    .filter(([, columns]) => columns.length > 0)
    .map(([setting, columns]) => `${setting} = ${setting} || ${array([...new Set(columns)])}`);
  if (changes.length === 0) return [];
  const sql = `update crm_sync.settings set ${changes.join(", ")};`;
  return [
    {
      route: "export_person(), erase_person()",
      sql,
      doubts: [],
      isCommentedOut: false,
      countSql: null,
    },
  ];
}

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
  questions?: string[];
}

function attachCall(route: string, match: Match, call: Call): Proposal {
  const { table, columns } = match;
  const isSame = (field: string) =>
    columnNamed(match, field)?.name === field && !needsCast(match, field);
  const watched = (call.watched ?? call.fields).flatMap((field) => columns[field] ?? []);
  const joined = [
    ...["id", ...call.fields]
      .filter((field) => !isSame(field))
      .map((field): [string, string] => [field, sqlOf(match, field, "this")]),
    ...(call.joined ?? []),
  ];
  const told = call.fields.flatMap((field) => columns[field] ?? []);
  const written = joined.map(([field]) => field);
  const isEvent = EVENTS.includes(route);
  // Under its own name, too: of an event's row the capture sees nothing but these, of a state's find_missing() compares no other.
  // What would be written over is another value than the row's, which find_missing() would take for a change each night.
  const kept = isEvent ? watched : told.filter((column) => !written.includes(column));
  const unseen = isEvent ? [] : told.filter((column) => written.includes(column));
  const lines = [
    `${literal(table.qualified)}, ${literal(route)}`,
    `p_watched => ${array(watched)}`,
    `p_columns => ${array([...new Set([...table.primary_key, ...kept])])}`,
    `p_ordering_key => ${quoted(call.orderingKey)}`,
    ...(call.condition ? [`p_condition => ${quoted(call.condition)}`] : []),
    ...(call.transition ? [`p_transition => ${quoted(call.transition)}`] : []),
    ...(joined.length > 0
      ? [
          `p_joined => ${quoted(`jsonb_build_object(\n        ${joined.map(([field, sql]) => `${literal(field)}, ${sql}`).join(",\n        ")}\n    )`)}`,
        ]
      : []),
  ];
  const sql = `select crm_sync.attach(\n    ${lines.join(",\n    ")}\n);`;
  const reasons = [...match.faults, ...match.questions, ...(call.questions ?? [])];
  const proposal = settled(route, sql, reasons, [
    ...match.doubts,
    ...unseen.map((column) => `find_missing() can not compare ${column}: it is told as text`),
    ...(call.doubts ?? []),
  ]);
  const rows = `from ${table.qualified} as new where ${call.rows ?? call.condition ?? "true"}`;
  return {
    ...proposal,
    countSql: proposal.isCommentedOut
      ? null
      : `select count(*)::int as count from (select ${rows} limit ${COUNT_LIMIT + 1}) as some_rows`,
  };
}

function settled(
  route: string,
  sql: string,
  reasons: string[],
  doubts: string[],
): Omit<Proposal, "countSql"> {
  const all = [...reasons, ...doubts];
  const notes = all.map((text) => `-- ${route}: ${text.replace(/\s+/g, " ")}\n`).join("");
  const isCommentedOut = reasons.length > 0;
  return {
    route,
    sql: notes + (isCommentedOut ? sql.replace(/^/gm, "-- ") : sql),
    doubts: all,
    isCommentedOut,
  };
}

function customerOf(
  customers: Match | undefined,
  id: string,
  fields = customers ? Object.keys(customers.columns) : [],
): string {
  if (!customers) return "null";
  return `(select ${objectOf(customers, fields)}
            from ${customers.table.qualified} as picked where picked.${keyOf(customers)} = ${id})`;
}

function customerOfRequest(payments: Match, requests: Match | undefined): string {
  if (!requests) return "null";
  return `(select asked.${columnOf(requests, "customer_id")} from ${requests.table.qualified} as asked where asked.${keyOf(requests)} = this.${columnOf(payments, "request_id")})`;
}

function objectOf(match: Match, fields: string[], others: Record<string, string> = {}): string {
  const pairs = fields.map(
    (field) => `${literal(field)}, ${others[field] ?? sqlOf(match, field, "picked")}`,
  );
  return `jsonb_build_object(${pairs.join(",\n                ")})`;
}

/** The function knows a draft by one word. */
function statusOf(requests: Match, words: StatusWords): Record<string, string> {
  const drafts = valuesOf(words, "draft").filter((word) => word !== "draft");
  if (drafts.length === 0) return {};
  const status = textOf(requests, "status", "picked");
  return { status: `case when ${status} in (${list(drafts)}) then 'draft' else ${status} end` };
}

function isNoDraft(requests: Match, words: StatusWords): Pick<Call, "condition" | "rows"> {
  const status = textOf(requests, "status", "new");
  const drafts = valuesOf(words, "draft");
  return {
    condition: `crm_sync.is_present(${status}) and ${status} not in (${list(drafts)})`,
    rows: `btrim(${status}) not in (${list(["", ...drafts])})`,
  };
}

function sqlOf(match: Match, field: string, alias: string): string {
  const column = columnNamed(match, field);
  if (!column) return "null::text";
  const value = `${alias}.${plain(column.name)}`;
  if (!needsCast(match, field)) return value;
  const digits = VOCABULARY[match.entity].columns[field]?.digits;
  return typeof digits === "number"
    ? `lpad(${value}::text, greatest(${digits}, length(${value}::text)), '0')`
    : `${value}::text`;
}

/** An id is text to the function, and to receivers; so is a postal code. */
function needsCast(match: Match, field: string): boolean {
  const isText = !["power_kva", "amount", "quantity", "unit_price", "total_amount"].includes(field);
  return isText && columnNamed(match, field)?.category === "N";
}

/** For comparisons with words: an enum knows its own labels only. */
function textOf(match: Match, field: string, alias: string): string {
  const column = columnNamed(match, field);
  const cast = column?.category === "S" ? "" : "::text";
  return `${alias}.${plain(column?.name ?? field)}${cast}`;
}

function columnNamed({ columns, table }: Match, field: string): Column | undefined {
  const name = field === "id" ? table.primary_key[0] : columns[field];
  return table.columns.find((column) => column.name === name);
}

function columnOf(match: Match, field: string): string {
  return plain(columnNamed(match, field)?.name ?? field);
}

function keyOf({ table }: Match): string {
  return plain(table.primary_key[0] ?? "id");
}

function requestKey(payments: Match): string {
  return `'request:' || coalesce(new.${columnOf(payments, "request_id")}::text, new.${keyOf(payments)}::text)`;
}

function joinFaults(match: Match | undefined, entity: Entity): string[] {
  if (!match) return [`which table holds the ${entity}? None was found`];
  return match.faults.map((fault) => `${match.table.qualified}: ${fault}`);
}

function valuesOf(words: StatusWords, word: StatusWord): string[] {
  return words[word] ?? [word];
}

function unknownWord(words: StatusWords, word: StatusWord, match: Match): string[] {
  if (words[word] !== undefined) return [];
  return [
    `which ${columnOf(match, "status")} of ${match.table.qualified} means ${word}? None of the values that were seen is known`,
  ];
}

/** A request whose payment is not known as such would be told pending for ever. */
function unknownInRequests(requests: Match, paid: Match | undefined, words: StatusWords): string[] {
  return [
    ...unknownWord(words, "draft", requests),
    ...(paid ? unknownWord(words, "succeeded", paid) : []),
  ];
}

function withoutFault(match: Match | undefined): Match | undefined {
  return match?.faults.length === 0 ? match : undefined;
}

function list(values: string[]): string {
  return values.map((value) => literal(value)).join(", ");
}

function array(names: string[]): string {
  return `array[${list(names)}]`;
}

/** Between dollars, which the text itself does not hold. */
function quoted(text: string): string {
  let tag = "$$";
  for (let number = 0; text.includes(tag); number += 1) tag = `$x${number}$`;
  return `${tag}${text}${tag}`;
}
