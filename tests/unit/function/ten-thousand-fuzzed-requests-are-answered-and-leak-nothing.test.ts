/**
 * Requests of strangers, signed nonsense, and envelopes with something broken in them; a receiver that answers anything and
 * writes back what it was sent. CRM_SYNC_FUZZ_SEED: other ones.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  isJsonNumber,
  parseJson,
  stringifyJson,
} from "../../../supabase/functions/crm-sync/json.ts";
import { type RouteName, routes } from "../../../supabase/functions/crm-sync/routes.ts";
import { delivery, ENV, envelope, functionUnderTest, SECRET, signed } from "./envelopes.ts";
import { goldenRecord } from "./golden.ts";

const RUNS = 10_000;
const SEED = Number(process.env.CRM_SYNC_FUZZ_SEED ?? 20_261_122);

/** Stands in each text that is made up here: no answer and no log line may hold it. */
const PERSONAL = "Kanarienvogel";
const KEPT = [
  PERSONAL,
  SECRET,
  ENV.MONELEC_API_KEY as string,
  "fake-secret-of-the-url",
  "fake-token",
];

const text = fc.string({ maxLength: 40, unit: "binary" }).map((rest) => `${PERSONAL}${rest}`);
/** What JSON can hold and nobody expects. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }).filter((value) => value !== undefined),
  fc.constantFrom(
    null,
    true,
    "",
    " ",
    "\u00a0",
    "infinity",
    "-infinity",
    "NaN",
    "\u0000",
    "\ud800",
  ),
  fc
    .constantFrom("1e999", "-0", "0.1000000000000000055", "12345678901234567890", "1e-400")
    .map(parseJson),
  fc.constantFrom(10, 500).map((depth) => parseJson("[".repeat(depth) + "]".repeat(depth))),
  fc.constant({ ["__proto__"]: { outcome: "delivered" }, constructor: 1, toString: null }),
);
const personal = fc.oneof(text, text, odd, fc.constant(PERSONAL.repeat(5_000)));

/** Where something is put, and what; undefined takes it away. A person's words stand in records alone. */
const ofEnvelope = fc.tuple(
  fc.oneof(
    fc
      .constantFrom(
        "version",
        "expires_at",
        "destination",
        "deliveries",
        "dry_run",
        "notice",
        "conflict_is_delivered",
      )
      .map((name) => [name]),
    fc
      .constantFrom(
        "id",
        "route",
        "attempt",
        "idempotency_key",
        "ordering_key",
        "captured_at",
        "timeout_ms",
        "record",
      )
      .map((name) => ["deliveries", 0, name]),
  ),
  fc.option(odd, { nil: undefined }),
);
const ofRecord = fc.tuple(
  fc.nat({ max: 30 }).map((field) => ["deliveries", 0, "record", field]),
  fc.option(personal, { nil: undefined }),
);

const broken = fc
  .record({
    route: fc.constantFrom(...(Object.keys(routes) as RouteName[])),
    faults: fc.array(fc.oneof(ofEnvelope, ofRecord, ofRecord), {
      minLength: 1,
      maxLength: 3,
    }),
  })
  .map(({ route, faults }) => {
    const record = structuredClone(goldenRecord(route));
    const content = envelope([delivery({ route, record })], {
      destination: routes[route].destination,
    });
    for (const [path, value] of faults) put(content, path, value);
    return stringifyJson(content);
  });

const body = fc.oneof(
  { weight: 6, arbitrary: broken },
  fc.json(),
  text,
  fc.constantFrom("", "[".repeat(100_000)),
);
const headers = fc.dictionary(
  fc.constantFrom(
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "content-type",
    "content-length",
  ),
  fc.oneof(
    fc.stringMatching(/^[\x20-\x7e]{0,40}$/),
    fc.constantFrom("v1,AAAA", "1763800000", "99999999"),
  ),
);
const request = fc.record({
  body,
  isSigned: fc.constantFrom(true, true, true, false),
  headers,
  method: fc.oneof({ weight: 20, arbitrary: fc.constant("POST") }, fc.constantFrom("PUT", "GET")),
  answer: fc.oneof(
    fc.constant(201),
    fc.constantFrom(200, 302, 400, 401, 404, 409, 422, 429, 500, 503),
  ),
});

test(`${RUNS} requests, seed ${SEED}`, { timeout: 300_000 }, async () => {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(request, async (one) => {
      const { handler, lines } = functionUnderTest({
        answering: (call) =>
          new Response(`no: ${call.body} ${call.headers.get("x-api-key")} ${call.url}`, {
            status: one.answer,
          }),
      });
      const response = await handler(
        new Request("https://function.test/crm-sync", {
          method: one.method,
          headers: one.isSigned ? signed(one.body) : one.headers,
          ...(one.method !== "GET" && { body: one.body }),
        }),
      );
      const said = await response.text();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      expect([200, 207, 400, 401, 405, 409, 413]).toContain(response.status);
      // What was called has the receiver's outcome, whatever its words are.
      expect(said).not.toContain("internal_error");
      expect(KEPT.filter((word) => said.includes(word) || lines.join().includes(word))).toEqual([]);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  console.log(Object.fromEntries([...statuses].sort()));
  for (const status of [200, 207, 400, 401, 405]) expect(statuses.get(status)).toBeGreaterThan(50);
});

/** The last step of a path is a field's name, or the number of a field of the record. */
function put(
  content: Record<string, unknown>,
  path: readonly (string | number)[],
  value: unknown,
): void {
  let at = content as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) {
    const next = at[step];
    if (typeof next !== "object" || next === null || isJsonNumber(next)) return;
    at = next as Record<string | number, unknown>;
  }
  const last = path.at(-1) as string | number;
  const name =
    typeof last === "number" ? Object.keys(at)[last % Math.max(Object.keys(at).length, 1)] : last;
  if (name === undefined) return;
  if (value === undefined) delete at[name];
  // A copy, or a second one of the same would close a circle.
  else at[name] = typeof value === "object" && value ? parseJson(stringifyJson(value)) : value;
}
