/** Values of every kind, in a table of somebody's own: what the envelope would hold is what was written, digit by digit. */
import fc from "fast-check";
import { LosslessNumber, parse, stringify } from "lossless-json";
import type pg from "pg";
import { expect, it } from "vitest";
import { openEngine } from "../../support/engine.ts";

const SEED = Number(process.env.CRM_SYNC_FUZZ_SEED ?? 20261122);
const RUNS = Number(process.env.CRM_SYNC_FUZZ_RUNS ?? 200);

/** Any text but U+0000, which Postgres holds nowhere, and half characters, which UTF-8 can not say. */
const text = fc
  .string({ unit: "binary", maxLength: 40 })
  .map((value) => value.replaceAll("\0", ""))
  .filter((value) => !/\p{Surrogate}/u.test(value));

const json = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 6, depthSize: "small" },
    text,
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(text, tie("any"), { maxKeys: 4 }),
  ),
})).any;

/** As digits: up to 60 before and 60 behind the point, far beyond a double. */
const digits = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.bigInt({ min: 0n, max: 10n ** 60n }),
    fc.bigInt({ min: 0n, max: 10n ** 60n }),
  )
  .map(([sign, whole, part]) => (whole === 0n ? `${whole}.${part}1` : `${sign}${whole}.${part}1`));

/** As written, and as the record says it. */
const ENDS_OF_TIME: Record<string, string> = {
  infinity: "infinity",
  "-infinity": "-infinity",
  "4713-01-01 00:00:00+00 BC": "4713-01-01T00:00:00+00:00 BC",
  "294276-12-31 23:59:59.999999+00": "294276-12-31T23:59:59.999999+00:00",
};

const time = fc.oneof(
  fc.constantFrom(...Object.keys(ENDS_OF_TIME)),
  fc
    .date({ min: new Date("1000-01-01"), max: new Date("9999-12-31"), noInvalidDate: true })
    .map((date) => date.toISOString()),
);

const cases = fc.record({ text, json, digits, time, bytes: fc.uint8Array({ maxLength: 20 }) });

it(`${RUNS} rows, from seed ${SEED}`, { timeout: 300_000 }, async () => {
  const client = await openTheirs();
  await fc.assert(
    fc.asyncProperty(cases, async (row) => {
      await client.query("begin");
      try {
        const written = stringify(row.json) ?? "null";
        await client.query(
          "insert into public.theirs (a_text, a_jsonb, a_json, a_number, a_time, some_bytes, texts) values ($1, $2, $3, $4, $5, $6, $7)",
          [
            row.text,
            written,
            written,
            row.digits,
            row.time,
            Buffer.from(row.bytes),
            [row.text, ""],
          ],
        );
        const { rows } = await client.query<{ record: string; faults: number; is_exact: boolean }>(
          `select built.record::text, (select count(*)::int from crm_sync.capture_failures) as faults,
                  built.record -> 'a_jsonb' = $1::jsonb and built.record -> 'a_json' = $1::jsonb as is_exact
           from crm_sync._build_records(array(select delivery_id from crm_sync.deliveries)) as built`,
          [written],
        );
        const record = parse(rows[0]?.record ?? "null") as Record<string, unknown>;
        expect(rows).toEqual([expect.objectContaining({ faults: 0, is_exact: true })]);
        expect(record.a_text).toBe(row.text);
        expect(plain(record.a_jsonb)).toEqual(plain(parse(written)));
        expect(plain(record.a_json)).toEqual(plain(parse(written)));
        expect((record.a_number as LosslessNumber).value).toBe(row.digits);
        expect(record.some_bytes).toBe(`\\x${Buffer.from(row.bytes).toString("hex")}`);
        expect(record.texts).toEqual([row.text, ""]);
        if (row.time in ENDS_OF_TIME) expect(record.a_time).toBe(ENDS_OF_TIME[row.time]);
        else expect(Date.parse(record.a_time as string)).toBe(Date.parse(row.time));
      } finally {
        await client.query("rollback");
      }
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

/** Numbers as doubles, for jsonb writes 1e2 as 100; -0 as 0. */
function plain(value: unknown): unknown {
  if (value instanceof LosslessNumber) return Number(value.value) + 0;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

async function openTheirs(): Promise<pg.Client> {
  const client = await openEngine();
  await client.query(`
    update crm_sync.settings set is_running = false;
    create table public.theirs (
        id bigint generated always as identity primary key,
        a_text text, a_jsonb jsonb, a_json json, a_number numeric, a_time timestamptz, some_bytes bytea, texts text[]
    );
    select crm_sync.attach('public.theirs', 'lead',
        array['a_text', 'a_jsonb', 'a_json', 'a_number', 'a_time', 'some_bytes', 'texts'], $$'theirs:' || new.id$$);
  `);
  return client;
}
