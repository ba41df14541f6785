/** What may happen, as plain data: a schedule is a list of these, drawn by fast-check and printed when it fails. */
import fc from "fast-check";
import type { Fate, Forgery } from "../world/net.ts";
import { RECEPTIONS } from "../world/receivers.ts";

export type Table = "leads" | "customers" | "requests" | "payments" | "orders";
export type Values = Record<string, string | number | null>;

export type Step =
  | { do: "begin"; session: number; isolation: "read committed" | "repeatable read" }
  | { do: "commit"; session: number }
  | { do: "roll back"; session: number }
  /** Rows that are there are updated, the others inserted: one statement each. */
  | { do: "write"; session: number; table: Table; slots: number[]; values: Values }
  | { do: "touch"; session: number; table: Table; slot: number }
  | { do: "bulk insert"; session: number; count: number }
  | { do: "delete"; session: number; table: "leads" | "orders"; slot: number }
  /** Sessions that commit side by side, mostly about one request, while the tick runs twice. */
  | { do: "all at once"; writes: Extract<Step, { do: "write" }>[] }
  | { do: "tick" }
  | { do: "two ticks" }
  /** After a tick: with nothing in the queue there is nothing to go wrong. */
  | { do: "send"; count: number; fates: Fate[]; receptions: string[] }
  | { do: "hold a batch"; count: number }
  | { do: "end the batch"; fates: Fate[]; receptions: string[] }
  | { do: "crash pg_net"; arrived: boolean }
  | { do: "purge answers" }
  | { do: "forge"; kind: Forgery }
  | { do: "pass time"; seconds: number }
  | { do: "set the clock back"; seconds: number }
  | { do: "ledger refuses" }
  | { do: "rename a column"; table: "leads" | "requests" | "orders" }
  | { do: "mend capture" }
  | { do: "pause"; destination: string }
  | { do: "resume"; destination: string }
  | { do: "limit"; destination: string; rate: number | null; inFlight: number }
  | { do: "redeliver"; choice: number }
  | { do: "redeliver dead" }
  | { do: "cancel"; choice: number }
  | { do: "cancel beside a tick"; choice: number; rollBack: boolean }
  | { do: "backfill"; route: "lead" | "request" }
  | { do: "erase"; table: Table; slot: number };

const SESSIONS = 3;
const session = fc.nat({ max: SESSIONS - 1 });
const slot = fc.nat({ max: 3 });
const destination = fc.constantFrom("monelec", "elementor");
const word = fc.nat({ max: 9_999 }).map((number) => `word-${number}`);
const choice = fc.nat({ max: 1_000 });

const lead = fc.record({
  email: fc.option(word, { freq: 8 }),
  phone: fc.constantFrom("06 12", "06 13", null),
  firstname: word,
});
const customer = fc.record({ email: fc.option(word, { freq: 8 }), full_name: word });
const request = fc.record({
  customer: fc.nat({ max: 2 }),
  city: word,
  status: fc.constantFrom("draft", "submitted", "submitted", "assigned"),
});
const payment = fc.record({
  request: fc.nat({ max: 3 }),
  stripe_session_id: fc.option(word, { freq: 1 }),
  stripe_payment_intent_id: fc.option(word, { freq: 1 }),
  amount: fc.constantFrom(100, 2_000, 990, -1),
  status: fc.constantFrom("pending", "processing", "succeeded", "succeeded", "refunded", "failed"),
});
const order = fc.record({
  order_number: fc.option(word, { freq: 8 }),
  client_city: word,
  quantity: fc.constantFrom(1, 2, 0),
  unit_price: fc.constant(10),
  total_amount: fc.constant(20),
  status: fc.constantFrom("pending", "confirmed", "confirmed", "cancelled"),
});

function write(table: Table, values: fc.Arbitrary<Values>, from = session) {
  return fc.record({
    do: fc.constant("write" as const),
    session: from,
    table: fc.constant(table),
    slots: fc.uniqueArray(slot, { minLength: 1, maxLength: 3 }),
    values,
  });
}

/** Of different tables: rows that two of them write would be locked, and they would come one after the other. */
const sideBySide = fc.tuple(
  write("requests", request, fc.constant(0)),
  write("payments", payment, fc.constant(1)),
  fc.oneof(write("customers", customer, fc.constant(2)), write("leads", lead, fc.constant(2))),
);

const SAFE_FATES: Fate[] = Array(16).fill("answered");
const FATES: Fate[] = [
  ...["timed out", "never reached", "function killed", "half an answer"],
  ...["deliveries left out", "garbage", "unsigned 200"],
  ...["hop 401", "hop 404", "hop 500", "hop 503", "hop 504", "hop 546"],
] as Fate[];

const fates = fc.array(fc.constantFrom(...SAFE_FATES, ...FATES), { minLength: 1, maxLength: 4 });
const receptions = fc.array(
  fc.oneof(
    { weight: 1, arbitrary: fc.constant("2xx") },
    { weight: 2, arbitrary: fc.constantFrom(...Object.keys(RECEPTIONS)) },
  ),
  { minLength: 3, maxLength: 12 },
);
const count = fc.constantFrom(1, 2, 200);
/** Past each of the engine's limits: 5 s, 20 s, 30 s, 1 min, 2 min, 5 min, 15 min, hours. */
const seconds = fc.constantFrom(1, 6, 12, 25, 40, 75, 130, 400, 1_000, 8_000, 40_000, 100_000);

const FORGERIES: Forgery[] = [
  ...["unsigned", "signed by another", "answer of another", "hostile JSON", "replayed"],
] as Forgery[];

const is = <Name extends Step["do"]>(name: Name) => fc.constant(name);

const application: fc.Arbitrary<Step> = fc.oneof(
  write("leads", lead),
  write("customers", customer),
  { weight: 2, arbitrary: write("requests", request) },
  { weight: 2, arbitrary: write("payments", payment) },
  write("orders", order),
  fc.record({
    do: is("touch"),
    session,
    table: fc.constantFrom<Table>("leads", "requests", "payments", "orders"),
    slot,
  }),
  fc.record({ do: is("bulk insert"), session, count: fc.constantFrom(5, 25) }),
  fc.record({ do: is("delete"), session, table: fc.constantFrom("leads", "orders"), slot }),
);

const transactions: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: is("begin"),
    session,
    isolation: fc.constantFrom("read committed" as const, "repeatable read" as const),
  }),
  { weight: 2, arbitrary: fc.record({ do: is("commit"), session }) },
  fc.record({ do: is("roll back"), session }),
);

const engine: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: is("tick") }) },
  fc.record({ do: is("two ticks") }),
  { weight: 3, arbitrary: fc.record({ do: is("all at once"), writes: sideBySide }) },
  { weight: 6, arbitrary: fc.record({ do: is("send"), count, fates, receptions }) },
  { weight: 5, arbitrary: fc.record({ do: is("pass time"), seconds }) },
);

const faults: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: is("hold a batch"), count }),
  { weight: 2, arbitrary: fc.record({ do: is("end the batch"), fates, receptions }) },
  fc.record({ do: is("crash pg_net"), arrived: fc.boolean() }),
  fc.record({ do: is("purge answers") }),
  {
    weight: 3,
    arbitrary: fc.record({ do: is("forge"), kind: fc.constantFrom(...FORGERIES) }),
  },
  fc.record({ do: is("set the clock back"), seconds: fc.constantFrom(3, 45, 900) }),
  fc.record({ do: is("ledger refuses") }),
  fc.record({ do: is("rename a column"), table: fc.constantFrom("leads", "requests", "orders") }),
  { weight: 4, arbitrary: fc.record({ do: is("mend capture") }) },
);

const operator: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: is("pause"), destination }),
  { weight: 3, arbitrary: fc.record({ do: is("resume"), destination }) },
  fc.record({
    do: is("limit"),
    destination,
    rate: fc.constantFrom(null, null, 0.1, 2),
    inFlight: fc.constantFrom(1, 5_000),
  }),
  { weight: 3, arbitrary: fc.record({ do: is("redeliver"), choice }) },
  { weight: 3, arbitrary: fc.record({ do: is("redeliver dead") }) },
  fc.record({ do: is("cancel"), choice }),
  fc.record({ do: is("cancel beside a tick"), choice, rollBack: fc.boolean() }),
  fc.record({ do: is("backfill"), route: fc.constantFrom("lead" as const, "request" as const) }),
  fc.record({
    do: is("erase"),
    table: fc.constantFrom<Table>("leads", "requests", "orders"),
    slot,
  }),
);

/** Long enough that writes, answers, faults and waits of one key meet. */
export const schedules: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 7, arbitrary: application },
    { weight: 3, arbitrary: transactions },
    { weight: 10, arbitrary: engine },
    { weight: 4, arbitrary: faults },
    { weight: 2, arbitrary: operator },
  ),
  { minLength: 25, maxLength: 70, size: "max" },
);

/** What a run counts: everything that can go wrong, and every way in which transactions meet. */
export const FAULTS: string[] = [
  ...FATES.map((fate) => `request: ${fate}`),
  ...Object.keys(RECEPTIONS).map((name) => `receiver: ${name}`),
  ...FORGERIES.map((kind) => `forged: ${kind}`),
  ...[
    "begin: read committed",
    "begin: repeatable read",
    "commit",
    "roll back",
    "bulk insert",
    "delete",
  ],
  ...[
    "two ticks",
    "all at once",
    "hold a batch",
    "end the batch",
    "crash pg_net",
    "purge answers",
    "set the clock back",
  ],
  ...["ledger refuses", "rename a column", "pause", "resume", "limit"],
  ...["redeliver", "redeliver dead", "cancel", "cancel beside a tick", "backfill", "erase"],
];
