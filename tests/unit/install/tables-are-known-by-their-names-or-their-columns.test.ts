import { expect, test } from "vitest";
import { matchTables, type Table } from "../../../scripts/preflight/match.ts";
import { propose, type StatusWords } from "../../../scripts/preflight/propose.ts";

const CATEGORIES: Record<string, string> = {
  text: "S",
  uuid: "U",
  integer: "N",
  bigint: "N",
  numeric: "N",
  boolean: "B",
  timestamptz: "D",
  "timestamp without time zone": "D",
  date: "D",
};

let oids = 1;
function table(name: string, columns: Record<string, string>, more: Partial<Table> = {}): Table {
  oids += 1;
  return {
    oid: oids,
    schema: "public",
    name,
    qualified: `public.${name}`,
    is_partition: false,
    about_rows: 0,
    can_read: true,
    can_attach: true,
    columns: Object.entries(columns).map(([column, type]) => ({
      labels: null,
      name: column,
      type,
      category: CATEGORIES[type] ?? "S",
    })),
    primary_key: ["id"],
    foreign_keys: [],
    triggers: [],
    ...more,
  };
}

const LEADS = { id: "uuid", email: "text", phone: "text", firstname: "text", lastname: "text" };
const PAYMENTS = {
  id: "uuid",
  request_id: "uuid",
  stripe_session_id: "text",
  payment_intent_id: "text",
  status: "text",
};

test("a name in the singular or with another accent is the same", () => {
  expect(matchTables([table("Prospect", LEADS)]).map(({ entity }) => entity)).toEqual(["leads"]);
});

test("a table of another name is known by half of its columns, and that is said", () => {
  const [match] = matchTables([
    table("formulaire", { ...LEADS, utm_source: "text", source: "text" }),
  ]);
  expect(match?.entity).toBe("leads");
  expect(match?.doubts).toContain("known by its columns, not by its name");
});

test("of two tables of one name the better known wins", () => {
  const [match] = matchTables([
    table("contacts", LEADS),
    table("leads", { id: "uuid", email: "text" }),
  ]);
  expect(match?.table.name).toBe("leads");
});

test("a name alone is no lead", () => {
  expect(matchTables([table("leads", { id: "uuid", colour: "text" })])).toEqual([]);
});

test("an amount that is not whole is doubted, one of text more so", () => {
  const doubtsOf = (type: string) =>
    matchTables([table("payments", { ...PAYMENTS, amount: type })]).flatMap(
      ({ questions, faults }) => [...questions, ...faults],
    );
  expect(doubtsOf("integer")).toEqual([]);
  expect(doubtsOf("numeric")).toEqual([
    "which unit is amount (numeric) in? The contract counts whole cents",
  ]);
  expect(doubtsOf("text")).toEqual(["amount is text, not number"]);
});

test("whole prices of an order may be cents, and a time without zone is taken for UTC", () => {
  const of = (price: string, time: string) =>
    matchTables([
      table("orders", {
        id: "uuid",
        order_number: "text",
        quantity: "integer",
        unit_price: price,
        total_amount: price,
        status: "text",
        confirmed_at: time,
      }),
    ])[0];
  expect(of("numeric", "timestamptz")?.questions).toEqual([]);
  expect(of("numeric", "timestamptz")?.doubts.join()).not.toContain("UTC");
  expect(of("bigint", "timestamp without time zone")?.questions).toEqual([
    "which unit is unit_price (bigint) in? The contract counts in the currency itself, as 19.90",
    "which unit is total_amount (bigint) in? The contract counts in the currency itself, as 19.90",
  ]);
  expect(of("numeric", "timestamp without time zone")?.doubts).toContain(
    "confirmed_at is timestamp without time zone: it is told as UTC",
  );
});

test.each([
  ["without primary key", { primary_key: [] }, "no primary key"],
  ["a partition", { is_partition: true }, "a partition: attach its root"],
  [
    "of several key columns",
    { primary_key: ["tenant_id", "id"] },
    "a primary key of several columns: write the call by hand",
  ],
  [
    "of somebody else",
    { can_attach: false },
    "the role that asks may not read it, or make triggers on it",
  ],
])("%s is commented out as a whole", (_, more, fault) => {
  const [proposal] = propose(matchTables([table("leads", LEADS, more)]), {});
  expect(proposal?.doubts).toContain(fault);
  expect(proposal?.sql.split("\n").every((line) => line.startsWith("-- "))).toBe(true);
  expect(proposal?.countSql).toBeNull();
});

const CUSTOMERS = { id: "uuid", email: "text", full_name: "text", siren: "text" };
const REQUESTS = { id: "uuid", phase: "text", status: "text" };
const requestsWith = (columns: Record<string, string>, keys: string[], idType = "uuid") => {
  const customers = table("profiles", { ...CUSTOMERS, id: idType });
  const foreign_keys = keys.map((column) => ({ column, target: customers.oid }));
  return matchTables([customers, table("demandes", { ...REQUESTS, ...columns }, { foreign_keys })]);
};

test("of several references the one whose name is known is the customer", () => {
  const matches = requestsWith({ assigned_to: "uuid", client_id: "uuid" }, [
    "assigned_to",
    "client_id",
  ]);
  expect(matches[1]?.columns.customer_id).toBe("client_id");
  expect(matches[1]?.questions).toEqual([]);
});

test("of several references of unknown names none is believed", () => {
  const matches = requestsWith({ assigned_to: "uuid", owner: "uuid" }, ["assigned_to", "owner"]);
  expect(matches[1]?.questions).toEqual([
    "which of assigned_to, owner is customer_id? All of them refer to public.profiles",
  ]);
  expect(propose(matches, {}).map(({ isCommentedOut }) => isCommentedOut)).toEqual([true, true]);
});

test("a reference of another type than the key is none", () => {
  const matches = requestsWith({ customer_id: "text" }, [], "uuid");
  expect(matches[1]?.questions).toEqual([
    "which column of public.profiles does customer_id name? It is text, the key uuid",
  ]);
});

test("all words for a draft are drafts, and the function is told its own", () => {
  const matches = [
    ...requestsWith({ client_id: "uuid" }, ["client_id"]),
    ...matchTables([table("payments", { ...PAYMENTS, amount: "integer" })]),
  ];
  const sql = propose(matches, { draft: ["draft", "Brouillon"], succeeded: ["paid", "succeeded"] })
    .map((proposal) => proposal.sql)
    .join("\n");
  expect(sql).toContain(
    "crm_sync.is_present(new.status) and new.status not in ('draft', 'Brouillon')",
  );
  expect(sql).toContain(
    "case when picked.status in ('Brouillon') then 'draft' else picked.status end",
  );
  expect(sql).toContain("(old.status in ('paid', 'succeeded')) is not true");
});

test("without a known word for a payment that succeeded no call asks for one", () => {
  const matches = [
    ...requestsWith({ client_id: "uuid" }, ["client_id"]),
    ...matchTables([table("payments", { ...PAYMENTS, amount: "integer" })]),
  ];
  const question =
    "which status of public.payments means succeeded? None of the values that were seen is known";
  const calls = (words: StatusWords) =>
    propose(matches, { draft: ["draft"], ...words }).filter(({ route }) =>
      /^request|^payment_status/.test(route),
    );
  const unknown = calls({});
  expect(unknown.map(({ route, isCommentedOut }) => [route, isCommentedOut])).toEqual([
    ["request", true],
    ["request, by its customer", true],
    ["payment_status", true],
  ]);
  expect(unknown[0]?.doubts).toContain(question);
  expect(unknown[2]?.doubts).toContain(question);
  const known = calls({ succeeded: ["réglé"] });
  expect(known.map(({ isCommentedOut }) => isCommentedOut)).toEqual([false, false, false]);
  expect(known[0]?.sql).toContain("paid.status in ('réglé', 'refunded')");
  expect(known[0]?.doubts).toContain(
    "which status of public.payments means refunded? None of the values that were seen is known",
  );
  expect(calls({ succeeded: ["paid"], refunded: ["refunded"] })[0]?.doubts.join()).not.toContain(
    "refunded?",
  );
});

test("a state's record keeps what is watched under its own name, but where another value is told under it", () => {
  const [lead] = propose(
    matchTables([table("prospects", { ...LEADS, courriel: "text", email: "integer" })]),
    {},
  );
  expect(lead?.sql).toContain("p_columns => array['id', 'phone', 'firstname', 'lastname']");
  expect(lead?.doubts).toContain("find_missing() can not compare email: it is told as text");
  const [renamed] = propose(
    matchTables([table("prospects", { id: "uuid", courriel: "text", code_postal: "integer" })]),
    {},
  );
  expect(renamed?.sql).toContain("p_columns => array['id', 'courriel', 'code_postal']");
  expect(renamed?.doubts.join()).not.toContain("find_missing() can not compare");
  const [event] = propose(
    matchTables([
      table("orders", {
        ...{ id: "uuid", order_number: "integer", quantity: "integer", status: "text" },
        ...{ unit_price: "numeric", total_amount: "numeric" },
      }),
    ]),
    { confirmed: ["confirmed"] },
  );
  expect(event?.sql).toContain("p_columns => array['id', 'order_number', 'quantity'");
  expect(event?.doubts.join()).not.toContain("find_missing() can not compare");
});

test("a number that is told as text is written as text, a date that is no time is left out", () => {
  const sqlOf = (name: string, columns: Record<string, string>) =>
    propose(matchTables([table(name, columns)]), { confirmed: ["confirmed"] })[0]?.sql ?? "";
  expect(sqlOf("leads", { ...LEADS, utm_campaign: "integer" })).toContain(
    "'utm_campaign', this.utm_campaign::text",
  );
  const order = {
    id: "integer",
    order_number: "integer",
    quantity: "integer",
    status: "text",
    total_amount: "numeric",
  };
  expect(sqlOf("orders", { ...order, unit_price: "numeric", confirmed_at: "date" })).toContain(
    "'confirmed_at', null::text",
  );
});

test("what may begin with a zero is doubted as a number, and has its zeros back where its length is known", () => {
  const [lead] = propose(
    matchTables([table("leads", { ...LEADS, phone: "bigint", code_postal: "integer" })]),
    {},
  );
  expect(lead?.doubts).toContain(
    "code_postal is integer, where leading zeros are lost: it is told with at least 5 digits",
  );
  expect(lead?.doubts).toContain(
    "phone is bigint, where leading zeros are lost: it is told without them",
  );
  expect(lead?.sql).toContain(
    "'postal_code', lpad(this.code_postal::text, greatest(5, length(this.code_postal::text)), '0')",
  );
  expect(lead?.sql).toContain("'phone', this.phone::text");
  const [text] = propose(matchTables([table("leads", { ...LEADS, code_postal: "text" })]), {});
  expect(text?.doubts.join()).not.toContain("zeros");
});

test("a table in public is believed before one elsewhere", () => {
  const [match] = matchTables([
    table("customers", CUSTOMERS, { schema: "stripe" }),
    table("profiles", CUSTOMERS),
  ]);
  expect(match?.table.name).toBe("profiles");
});

test("what is between dollars ends where it should, and a comment is one line", () => {
  const [proposal] = propose(
    matchTables([
      table("leads", { ...LEADS, source: "text", prénom: "text" }, { primary_key: ["i$$d\n"] }),
    ]),
    {},
  );
  expect(proposal?.sql).toContain("p_ordering_key => $x0$'lead:' || new.");
});

test("names that need quotes have them, in statements and as values", () => {
  const columns = {
    id: "uuid",
    "E-mail": "text",
    phone: "text",
    "o'brien": "text",
    source: "text",
    utm_source: "text",
    utm_medium: "text",
  };
  const [proposal] = propose(matchTables([table("leads", columns)]), {});
  expect(proposal?.sql).toContain("p_watched => array['E-mail', 'phone'");
  expect(proposal?.sql).toContain(`'email', this."E-mail"`);
});
