/** Writes the rows of which the database will make a golden record, under ids of their own. */
import { randomUUID } from "node:crypto";
import type pg from "pg";
import {
  isJsonNumber,
  parseJson,
  stringifyJson,
} from "../../../supabase/functions/crm-sync/json.ts";
import type { RouteName } from "../../../supabase/functions/crm-sync/routes.ts";
import type { GoldenCase } from "../../unit/function/golden.ts";

/** A record that no rows of the sample tables can give, and why. */
export class NotExpressible extends Error {}

type Fields = Record<string, unknown>;
type Insert = (table: string, row: Fields) => Promise<void>;

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const INTEGERS = ["amount", "quantity"];
const CUSTOMER = ["email", "phone", "full_name", "client_type", "company_name", "siren"];

/** The same case with every id replaced: cases share theirs, rows cannot. */
export function withOwnIds(golden: GoldenCase): GoldenCase {
  const ids = new Map<string, string>();
  const { record, expected } = parseJson(
    stringifyJson({ record: golden.record, expected: golden.expected }).replace(UUID, (id) => {
      if (!ids.has(id)) ids.set(id, randomUUID());
      return ids.get(id) as string;
    }),
  ) as Pick<GoldenCase, "record" | "expected">;
  return { ...golden, record, ...(expected && { expected }) };
}

/** Call inside a transaction: what one statement leaves half done, the next completes. */
export async function writeRows(
  client: pg.ClientBase,
  { route, record }: GoldenCase,
): Promise<void> {
  const insert: Insert = async (table, row) => {
    const names = Object.keys(row);
    await client.query(
      `insert into public.${table} (${names.join(", ")}) values (${names.map((_, index) => `$${index + 1}`).join(", ")})`,
      names.map((name) => toParameter(name, row[name])),
    );
  };
  const writer = WRITERS[route];
  if (writer) await writer(insert, record, client);
  else await insert(await tableOf(route, client), record);
}

/** Those whose record is more than their row as it was inserted. */
const WRITERS: Partial<
  Record<RouteName, (insert: Insert, record: Fields, client: pg.ClientBase) => Promise<void>>
> = {
  async request(insert, { customer, has_succeeded_payment, ...request }, client) {
    await insertCustomer(insert, request.customer_id, customer);
    const isDraft = request.status === "draft";
    await insert("requests", { ...request, ...(isDraft && { status: "submitted" }) });
    if (has_succeeded_payment) {
      await insert("payments", { request_id: request.id, status: "refunded" });
    }
    // Put back before its first claim.
    if (isDraft) {
      await client.query("update public.requests set status = 'draft' where id = $1", [request.id]);
    }
  },

  payment_session: insertPayment,
  payment_intent: insertPayment,

  async payment_status(insert, { request, customer, ...payment }) {
    if (request) {
      const { customer_id } = request as Fields;
      await insertCustomer(insert, customer_id, customer);
      await insert("requests", request as Fields);
    } else if (payment.request_id) {
      throw new NotExpressible("a foreign key keeps the request of a payment");
    }
    await insert("payments", { ...payment, status: "succeeded" });
  },

  async order_confirmation(insert, record) {
    if (record.status && record.status !== "confirmed") {
      throw new NotExpressible("the row is captured as it was when it was confirmed");
    }
    await insert("orders", { ...record, status: "confirmed" });
  },
};

async function tableOf(route: RouteName, client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ table_name: string }>(
    "select table_name from crm_sync.attachments where route = $1",
    [route],
  );
  return (rows[0]?.table_name ?? "").replace("public.", "");
}

async function insertPayment(insert: Insert, { customer, ...payment }: Fields): Promise<void> {
  if (payment.request_id) {
    const customer_id = customer ? randomUUID() : null;
    await insertCustomer(insert, customer_id, customer);
    await insert("requests", { id: payment.request_id, customer_id, status: "draft" });
  }
  await insert("payments", payment);
}

async function insertCustomer(insert: Insert, id: unknown, customer: unknown): Promise<void> {
  if (id && !customer) throw new NotExpressible("a foreign key keeps the customer of a request");
  if (!customer) return;
  const known = Object.entries(customer).filter(([name]) => CUSTOMER.includes(name));
  await insert("customers", { id, ...Object.fromEntries(known) });
}

function toParameter(name: string, value: unknown): unknown {
  const text = isJsonNumber(value) ? value.value : value;
  if (
    INTEGERS.includes(name) &&
    text !== null &&
    !(isJsonNumber(value) && /^-?\d+$/.test(value.value))
  ) {
    throw new NotExpressible(`${name} is an integer column`);
  }
  return text;
}
