import { expect, test } from "vitest";
import { matchTables, type Table } from "../../../scripts/preflight/match.ts";
import { propose } from "../../../scripts/preflight/propose.ts";

const CATEGORIES: Record<string, string> = {
  text: "S",
  uuid: "U",
  integer: "N",
  numeric: "N",
  boolean: "B",
  timestamptz: "D",
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
    columns: Object.entries(columns).map(([column, type]) => ({
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
    matchTables([table("payments", { ...PAYMENTS, amount: type })])[0]?.doubts ?? [];
  expect(doubtsOf("integer").join()).not.toContain("minor units");
  expect(doubtsOf("numeric")).toContain(
    "amount is numeric; the contract counts in whole minor units (cents)",
  );
  expect(doubtsOf("text")).toContain("amount is text, not number");
});

test.each([
  ["without primary key", { primary_key: [] }, "no primary key"],
  ["a partition", { is_partition: true }, "a partition: attach its root"],
])("%s is commented out as a whole", (_, more, fault) => {
  const [proposal] = propose(matchTables([table("leads", LEADS, more)]), {});
  expect(proposal?.doubts).toContain(fault);
  expect(proposal?.sql.split("\n").every((line) => line.startsWith("-- "))).toBe(true);
  expect(proposal?.countSql).toBeNull();
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
