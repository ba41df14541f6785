/** What a row can hold at most, and what no number and no date is: each has its end, and nothing beside it is held up. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Delivery, type Harness, type Row, startHarness } from "./harness.ts";

const LEAD = { email: "edge@example.test" };
const REQUEST = { status: "submitted" };
const ORDER = {
  order_number: "CMD-000001",
  quantity: 1,
  unit_price: 1,
  total_amount: 1,
  status: "confirmed",
};

interface Edge {
  name: string;
  table: string;
  row: Row;
  status: "delivered" | "dead";
  code?: string;
  /** Stands in the call as it is here. */
  says?: string;
}

const EDGES: Edge[] = [
  {
    name: "a text of a megabyte",
    table: "leads",
    row: { ...LEAD, lastname: "x".repeat(1_000_000) },
    status: "dead",
    code: "too_large",
  },
  {
    name: "a text of 50 kB",
    table: "leads",
    row: { ...LEAD, lastname: "x".repeat(50_000) },
    status: "delivered",
  },
  {
    name: "50,000 brackets",
    table: "leads",
    row: { ...LEAD, lastname: "[".repeat(50_000) },
    status: "delivered",
  },
  {
    name: "an escaped NUL is six characters",
    table: "leads",
    row: { ...LEAD, lastname: "a\\u0000b" },
    status: "delivered",
    says: '"a\\\\u0000b"',
  },
  {
    name: "control characters",
    table: "leads",
    row: { ...LEAD, lastname: "a\u0001\u001f\u007f\u0085b" },
    status: "delivered",
    says: '"a\\u0001\\u001f',
  },
  {
    name: "line separators and a byte order mark",
    table: "leads",
    row: { ...LEAD, lastname: "\ufeffa\u2028b\u2029" },
    status: "delivered",
  },
  {
    name: "a character outside of Unicode's first plane",
    table: "leads",
    row: { ...LEAD, lastname: "𝒳😀" },
    status: "delivered",
    says: "𝒳😀",
  },
  {
    name: "not a number",
    table: "requests",
    row: { ...REQUEST, power_kva: "NaN" },
    status: "dead",
    code: "invalid_record",
  },
  {
    name: "infinite",
    table: "requests",
    row: { ...REQUEST, power_kva: "Infinity" },
    status: "dead",
    code: "invalid_record",
  },
  {
    name: "beyond a double",
    table: "requests",
    row: { ...REQUEST, power_kva: "1e400" },
    status: "dead",
    code: "invalid_record",
  },
  {
    name: "more digits than a double has",
    table: "requests",
    row: { ...REQUEST, power_kva: "0.12345678901234567890" },
    status: "dead",
    code: "invalid_record",
  },
  {
    name: "as many digits as a double has",
    table: "requests",
    row: { ...REQUEST, power_kva: "36.50" },
    status: "delivered",
    says: '"power_kva":36.50',
  },
  {
    name: "the end of time",
    table: "orders",
    row: { ...ORDER, confirmed_at: "infinity" },
    status: "dead",
    code: "invalid_record",
  },
  {
    name: "the beginning of time",
    table: "orders",
    row: { ...ORDER, confirmed_at: "-infinity" },
    status: "dead",
    code: "invalid_record",
  },
  {
    name: "before our era",
    table: "orders",
    row: { ...ORDER, confirmed_at: "0044-03-15 12:00:00+00 BC" },
    status: "dead",
    code: "invalid_record",
  },
  {
    name: "the last year that Postgres knows",
    table: "orders",
    row: { ...ORDER, confirmed_at: "294276-12-31 23:59:59+00" },
    status: "dead",
    code: "invalid_record",
  },
  {
    name: "an hour that the clocks skip",
    table: "orders",
    row: { ...ORDER, confirmed_at: "2026-03-29 02:30:00 Europe/Paris" },
    status: "delivered",
    says: "2026-03-29T01:30:00",
  },
];

let harness: Harness;
const ends = new Map<Edge, Delivery>();

beforeAll(async () => {
  harness = await startHarness();
  const customer_id = await harness.insert("customers", { email: "edge@example.test" });
  const ids = new Map<Edge, string>();
  for (const edge of EDGES) {
    const id = randomUUID();
    const row = edge.table === "requests" ? { customer_id, ...edge.row } : edge.row;
    await harness.insert(edge.table, { id, ...row });
    ids.set(edge, id);
  }
  const deliveries = await harness.settled(...ids.values());
  for (const [edge, id] of ids) {
    ends.set(edge, deliveries.find(({ row_id }) => row_id === id) as Delivery);
  }
});

afterAll(() => harness?.stop());

test.each(EDGES.map((edge): [string, Edge] => [edge.name, edge]))("%s", (_, edge) => {
  const end = ends.get(edge) as Delivery;
  expect(end).toMatchObject({ status: edge.status, last_error_code: edge.code ?? null });
  const calls = harness.receiver.calls.filter(
    ({ idempotencyKey }) => idempotencyKey === end.idempotency_key,
  );
  expect(calls).toHaveLength(edge.status === "delivered" ? 1 : 0);
  if (edge.says) expect(calls[0]?.text).toContain(edge.says);
});

test("the receivers have nothing to complain of, and nothing broke inside", async () => {
  expect(harness.receiver.violations).toEqual([]);
  expect(await harness.query("select place, detail from crm_sync.faults")).toEqual([]);
});
