/** Tables, columns and keys with every name that Postgres allows: each is attached, captured, read, found again and detached. */
import fc from "fast-check";
import pg from "pg";
import { expect, it } from "vitest";
import { openEngine } from "../../support/engine.ts";

const SEED = Number(process.env.CRM_SYNC_FUZZ_SEED ?? 20261122);
const RUNS = Number(process.env.CRM_SYNC_FUZZ_RUNS ?? 200);

/** What ends a quotation, a statement or a template, what the engine calls its own, and what has several bytes. */
const PIECES = [
  ...[
    `"`,
    `""`,
    `'`,
    `''`,
    "\\",
    "$",
    "$$",
    "%",
    "%%",
    "%I",
    "%1$s",
    ";",
    "--",
    "/*",
    "*/",
    ".",
    ",",
    "(",
    ")",
    "[",
    "{",
    ":",
    "?",
  ],
  ...[
    "$sql$",
    "$record$",
    "$records$",
    "$capture$",
    "$recapture$",
    "$related$",
    "$tick$",
    "'; drop table x; --",
  ],
  ...[
    "new",
    "old",
    "this",
    "deliveries",
    "new_rows",
    "old_rows",
    "select",
    "user",
    "order",
    "null",
    "true",
    "public",
    "pg_",
    "e'",
    'u&"',
  ],
  ...[
    " ",
    "\t",
    "\n",
    "A",
    "a",
    "z",
    "_",
    "1",
    "é",
    "É",
    "ß",
    "İ",
    "中",
    "😀",
    "\u00a0",
    "\u200b",
    "\u0001",
  ],
];

/** At most 63 bytes, never in the middle of a character. */
const name = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 30 }).map((pieces) => {
  const characters = [...pieces.join("")];
  while (Buffer.byteLength(characters.join("")) > 63) characters.pop();
  return characters.join("");
});
const value = fc
  .array(fc.constantFrom(...PIECES), { maxLength: 30 })
  .map((pieces) => pieces.join(""));

const cases = fc.record({
  schema: name.filter((text) => !text.startsWith("pg_")),
  table: name,
  columns: fc.uniqueArray(name, { minLength: 3, maxLength: 3 }),
  id: value,
  first: value,
  second: value,
});

it(`${RUNS} names, from seed ${SEED}`, { timeout: 300_000 }, async () => {
  const client = await openEngine();
  await client.query("update crm_sync.settings set is_running = false");
  const functions = await countFunctions(client);
  await fc.assert(
    fc.asyncProperty(cases, async ({ schema, table, columns, id, first, second }) => {
      const [key, watched, other] = columns as [string, string, string];
      const quoted = pg.escapeIdentifier;
      const full = `${quoted(schema)}.${quoted(table)}`;
      await client.query("begin");
      try {
        await client.query(`create schema if not exists ${quoted(schema)}`);
        await client.query(
          `create table ${full} (${quoted(key)} text primary key, ${quoted(watched)} text, ${quoted(other)} text, updated_at timestamptz default now())`,
        );
        await client.query(
          "select crm_sync.attach($1::regclass, 'lead', array[$2], p_ordering_key => $3, p_condition => $4, p_joined => $5)",
          [
            full,
            watched,
            `${pg.escapeLiteral(table)} || new.${quoted(key)}`,
            `new.${quoted(watched)} is distinct from ${pg.escapeLiteral(`${first}never`)}`,
            `jsonb_build_object('joined', this.${quoted(other)})`,
          ],
        );
        await client.query(`insert into ${full} values ($1, $2, $3)`, [id, first, table]);
        await client.query(`update ${full} set ${quoted(watched)} = $1`, [`${second}.`]);
        await client.query(`update ${full} set ${quoted(other)} = $1`, [schema]);
        const changed = first === `${second}.` ? 1 : 2;
        const { rows } = await client.query(
          `select deliveries.row_id, deliveries.ordering_key, built.record
           from crm_sync._build_records(array(select delivery_id from crm_sync.deliveries)) as built
           join crm_sync.deliveries using (delivery_id)`,
        );
        const record = { [key]: id, [watched]: `${second}.`, joined: schema };
        expect(rows).toEqual(
          Array(changed).fill({ row_id: id, ordering_key: `${table}${id}`, record }),
        );
        expect(await one(client, "select count(*)::int as n from crm_sync.faults")).toEqual({
          n: 0,
        });
        expect(
          await one(client, "select count(*)::int as n from crm_sync.capture_failures"),
        ).toEqual({ n: 0 });
        await client.query(`update ${full} set updated_at = clock_timestamp()`);
        await client.query("delete from crm_sync.deliveries");
        expect(
          await one(client, "select row_id from crm_sync.find_missing($1::regclass)", [full]),
        ).toEqual({ row_id: id });
        expect(
          await one(client, "select crm_sync.detach($1::regclass) is not null as gone", [full]),
        ).toBeDefined();
        expect(
          await one(
            client,
            "select count(*)::int as n from pg_trigger where tgrelid = $1::regclass",
            [full],
          ),
        ).toEqual({ n: 0 });
        // The route's record function stays for what still waits.
        expect(await countFunctions(client)).toBe(functions + 1);
      } finally {
        await client.query("rollback");
      }
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

async function countFunctions(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    "select count(*)::int as n from pg_proc where pronamespace = 'crm_sync'::regnamespace",
  );
  return rows[0]?.n ?? 0;
}

async function one(client: pg.Client, sql: string, values: unknown[] = []): Promise<unknown> {
  return (await client.query(sql, values)).rows[0];
}
