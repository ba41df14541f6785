/** The application's side: its sessions, its rows, and which routes its committed changes must have fired. */
import type pg from "pg";
import type { Step, Table, Values } from "./steps.ts";

export type Row = Record<string, unknown> & { id: string };

export interface Application {
  /** True if it happened; false where it made no sense, as a commit without a transaction. */
  perform(step: Step): Promise<boolean>;
  /** Ends what is open; some commit, some roll back. */
  endAll(): Promise<void>;
  /** `route row-id` → how often committed changes fired it. */
  fired: Map<string, number>;
  /** Payments that a committed statement left succeeded. */
  succeeded: Set<string>;
  /** Rows that nobody can check any more, because they were deleted. */
  deleted: Set<string>;
}

interface Session {
  client: pg.Client;
  isOpen: boolean;
  fired: string[];
  succeeded: string[];
  deleted: string[];
  locked: Set<string>;
}

const KINDS: Record<Table, string> = {
  leads: "1",
  customers: "2",
  requests: "3",
  payments: "4",
  orders: "5",
};

export function rowId(table: Table, slot: number): string {
  return `${KINDS[table]}0000000-0000-4000-8000-${String(slot).padStart(12, "0")}`;
}

/** What an application must expect of a transaction beside others: it begins anew. */
const LOST_RACES = new Set(["40001", "40P01", "55P03", "23505", "23503"]);

export function startApplication(clients: pg.Client[]): Application {
  const sessions: Session[] = clients.map((client) => ({
    client,
    ...nothingDone(),
    isOpen: false,
  }));
  const fired = new Map<string, number>();
  const succeeded = new Set<string>();
  const deleted = new Set<string>();
  let bulkSlots = 1_000;

  function keep(session: Session): void {
    for (const fire of session.fired) fired.set(fire, (fired.get(fire) ?? 0) + 1);
    for (const id of session.succeeded) succeeded.add(id);
    for (const id of session.deleted) deleted.add(id);
  }

  async function end(session: Session, how: "commit" | "rollback"): Promise<void> {
    await session.client.query(how);
    if (how === "commit") keep(session);
    Object.assign(session, nothingDone());
  }

  /** In the session's transaction, or in one of its own. */
  async function run(session: Session, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
    } catch (error) {
      if (!LOST_RACES.has((error as { code?: string }).code ?? "")) throw error;
      if (session.isOpen) await session.client.query("rollback");
      Object.assign(session, nothingDone());
      return false;
    }
    if (!session.isOpen) {
      keep(session);
      Object.assign(session, nothingDone());
    }
    return true;
  }

  function isFree(session: Session, ids: string[]): boolean {
    return ids.every((id) => sessions.every((other) => other === session || !other.locked.has(id)));
  }

  async function write(session: Session, table: Table, ids: string[], values: Values) {
    const known = await rowsById(session.client, table, ids);
    const [there, absent] = [ids.filter((id) => known.has(id)), ids.filter((id) => !known.has(id))];
    for (const id of ids) session.locked.add(id);
    if (there.length > 0) {
      const written = await update(
        session.client,
        table,
        there,
        await columnsOf(session, table, values, known),
      );
      note(session, table, known, written);
    }
    if (absent.length > 0) {
      const written = await insert(
        session.client,
        table,
        absent,
        await columnsOf(session, table, values, new Map()),
      );
      note(session, table, new Map(), written);
    }
  }

  return {
    fired,
    succeeded,
    deleted,
    endAll: async () => {
      for (const [position, session] of sessions.entries()) {
        if (session.isOpen) await end(session, position === 0 ? "rollback" : "commit");
      }
    },
    perform: async (step) => {
      if (!("session" in step)) return false;
      const session = sessions[step.session];
      if (!session) return false;
      const { client } = session;
      switch (step.do) {
        case "begin":
          if (session.isOpen) return false;
          await client.query(`begin isolation level ${step.isolation}`);
          session.isOpen = true;
          return true;
        case "commit":
        case "roll back":
          if (!session.isOpen) return false;
          await end(session, step.do === "commit" ? "commit" : "rollback");
          return true;
        case "write": {
          const ids = step.slots
            .map((slot) => rowId(step.table, slot))
            .filter((id) => !deleted.has(id));
          if (ids.length === 0 || !isFree(session, ids)) return false;
          return run(session, () => write(session, step.table, ids, step.values));
        }
        case "touch": {
          const id = rowId(step.table, step.slot);
          if (!isFree(session, [id])) return false;
          session.locked.add(id);
          return run(session, async () => {
            await client.query(
              `update public.${step.table} set updated_at = clock_timestamp() where id = $1`,
              [id],
            );
          });
        }
        case "bulk insert": {
          const ids = Array.from({ length: step.count }, () => rowId("leads", bulkSlots++));
          return run(session, () =>
            write(session, "leads", ids, { email: "many", firstname: "one" }),
          );
        }
        case "delete": {
          const id = rowId(step.table, step.slot);
          if (!isFree(session, [id])) return false;
          session.locked.add(id);
          return run(session, async () => {
            await client.query(`delete from public.${step.table} where id = $1`, [id]);
            session.deleted.push(id);
          });
        }
        default:
          return false;
      }
    },
  };
}

function nothingDone() {
  return { isOpen: false, fired: [], succeeded: [], deleted: [], locked: new Set<string>() };
}

async function rowsById(client: pg.Client, table: Table, ids: string[]): Promise<Map<string, Row>> {
  const { rows } = await client.query<Row>(`select * from public.${table} where id = any ($1)`, [
    ids,
  ]);
  return new Map(rows.map((row) => [row.id, row]));
}

/** Slots become ids of rows that this session sees; what must not happen to a payment does not. */
async function columnsOf(
  { client }: Session,
  table: Table,
  values: Values,
  known: Map<string, Row>,
): Promise<Values> {
  if (table === "requests") {
    const { customer, ...rest } = values;
    return { ...rest, customer_id: await visible(client, "customers", customer) };
  }
  if (table !== "payments") return values;
  const { request, ...rest } = values;
  const rows = [...known.values()];
  const columns: Values = { ...rest, request_id: await visible(client, "requests", request) };
  // A payment stays with its request. What has succeeded may be refunded, nothing else, and finds its request before that.
  const paid = rows.filter(({ status }) => status === "succeeded" || status === "refunded");
  const canBeRefunded = paid.length > 0 && paid.length === rows.length;
  if (paid.length > 0) columns.status = "succeeded";
  if (values.status === "refunded")
    columns.status = canBeRefunded ? "refunded" : paid.length > 0 ? "succeeded" : "processing";
  if (rows.some(({ request_id }) => request_id !== null) || columns.status === "refunded") {
    delete columns.request_id;
  }
  return columns;
}

async function visible(client: pg.Client, table: Table, slot: unknown): Promise<string | null> {
  const id = rowId(table, Number(slot));
  return (await rowsById(client, table, [id])).has(id) ? id : null;
}

async function insert(
  client: pg.Client,
  table: Table,
  ids: string[],
  values: Values,
): Promise<Row[]> {
  const columns = Object.keys(values);
  const { rows } = await client.query<Row>(
    `insert into public.${table} (id, ${columns.join(", ")})
     select id, ${columns.map((column, n) => `$${n + 2}::${typeOf(column)}`).join(", ")}
     from unnest($1::uuid[]) as id returning *`,
    [ids, ...Object.values(values)],
  );
  return rows;
}

async function update(
  client: pg.Client,
  table: Table,
  ids: string[],
  values: Values,
): Promise<Row[]> {
  const { rows } = await client.query<Row>(
    `update public.${table}
     set updated_at = clock_timestamp(), ${Object.keys(values)
       .map((column, n) => `${column} = $${n + 2}::${typeOf(column)}`)
       .join(", ")}
     where id = any ($1) returning *`,
    [ids, ...Object.values(values)],
  );
  return rows;
}

function typeOf(column: string): string {
  if (column.endsWith("_id") && !column.startsWith("stripe")) return "uuid";
  return ["amount", "quantity"].includes(column)
    ? "integer"
    : /price|total/.test(column)
      ? "numeric"
      : "text";
}

function note(session: Session, table: Table, before: Map<string, Row>, after: Row[]): void {
  for (const row of after) {
    for (const route of routesFired(table, before.get(row.id), row))
      session.fired.push(`${route} ${row.id}`);
    if (table === "payments" && row.status === "succeeded") session.succeeded.push(row.id);
  }
}

/** The contract's "Routes", written down a second time and in another language. */
function routesFired(table: Table, old: Row | undefined, row: Row): string[] {
  const changed = (columns: string[]) =>
    !old || columns.some((column) => old[column] !== row[column]);
  switch (table) {
    case "leads":
      return changed(["email", "phone", "firstname"]) ? ["lead"] : [];
    case "requests":
      return row.status !== "draft" && changed(["customer_id", "city", "status"])
        ? ["request"]
        : [];
    case "payments": {
      const hadId =
        old && (old.stripe_session_id !== null || old.stripe_payment_intent_id !== null);
      const creation =
        row.stripe_session_id !== null
          ? "payment_session"
          : row.stripe_payment_intent_id !== null
            ? "payment_intent"
            : null;
      const succeeds = row.status === "succeeded" && old?.status !== "succeeded";
      return [...(creation && !hadId ? [creation] : []), ...(succeeds ? ["payment_status"] : [])];
    }
    case "orders":
      return row.status === "confirmed" && old?.status !== "confirmed"
        ? ["order_confirmation"]
        : [];
    default:
      return [];
  }
}
