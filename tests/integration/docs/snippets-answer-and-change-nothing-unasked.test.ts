import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { openRehearsal, run } from "./rehearse.ts";

const FOLDER = join(ROOT, "supabase/snippets");
const SNIPPETS = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".sql"))
  .map((name) => ({ name, sql: readFileSync(join(FOLDER, name), "utf8") }));
const ACTING = SNIPPETS.filter(({ sql }) => sql.startsWith("-- ACTS"));
const READING = SNIPPETS.filter(({ sql }) => !sql.startsWith("-- ACTS"));

/** What a person would write in place of each placeholder. */
const FILLED: Record<string, string> = {
  "PUT-ROW-ID-HERE": "10000000-0000-4000-8000-000000000002",
  "PUT-ROW-IDS-HERE": "10000000-0000-4000-8000-000000000001",
  "PUT-DELIVERY-IDS-HERE": "4",
  "PUT-ROUTE-HERE": "lead",
  "PUT-DESTINATION-HERE": "monelec",
  "PUT-EMAIL-HERE": "ada2@example.test",
  "PUT-REASON-HERE": "rehearsed",
  "PUT-TRUE-HERE": "true",
};

/** Reading ones that are right to find nothing here. */
const EMPTY = [
  "is-all-well",
  "what-went-wrong-inside",
  "which-rows-were-never-sent",
  "what-was-not-sent-on-purpose",
];

describe.each(SNIPPETS)("$name", ({ sql }) => {
  it("says what it answers and what to do next", () => {
    const [head, ...rest] = sql.split("\n");
    expect(head).toMatch(/^-- (ACTS.*[.:]|.*\?)/);
    expect(rest.filter((line) => line.startsWith("--")).join("\n")).toContain("Next: ");
  });

  it("is one statement, of which Studio shows what it gives back", () => {
    expect(withoutComments(sql).trim().split(";\n")).toHaveLength(1);
  });

  it("has no placeholder that nobody knows", () => {
    expect(sql.match(/PUT-[A-Z-]+/g)?.filter((name) => !(name in FILLED)) ?? []).toEqual([]);
  });
});

describe("those that read", () => {
  it.each(READING)("$name answers, and could not change anything", async ({ name, sql }) => {
    const client = await openRehearsal("some_deliveries");
    await client.query("set default_transaction_read_only = on");
    const [answer] = await run(client, fill(sql));
    if (!EMPTY.includes(name.replace(".sql", ""))) expect(answer?.rows).not.toEqual([]);
  });
});

describe("those that act", () => {
  it.each(ACTING)("$name does it once it is filled in, and leaves its line", async ({ sql }) => {
    const client = await openRehearsal("some_deliveries");
    const before = await operations(client);
    const [answer] = await run(client, fill(sql));
    expect(answer?.rows).not.toEqual([]);
    expect(await operations(client)).toBe(before + 1);
  });

  it.each(ACTING)("$name changes nothing as it stands", async ({ sql }) => {
    const client = await openRehearsal("some_deliveries");
    const before = await state(client);
    await run(client, sql).catch(() => undefined);
    expect(await state(client)).toEqual(before);
  });
});

function fill(sql: string): string {
  return sql.replace(/PUT-[A-Z-]+/g, (name) => FILLED[name] ?? name);
}

function withoutComments(sql: string): string {
  return sql.replace(/^--.*\n/gm, "");
}

async function operations(client: pg.Client): Promise<number> {
  const { rows } = await client.query("select count(*) from crm_sync.operations");
  return Number(rows[0].count);
}

/** All that an operator may change. */
async function state(client: pg.Client): Promise<unknown> {
  const { rows } = await client.query(`
    select (select jsonb_agg(to_jsonb(deliveries) order by delivery_id) from crm_sync.deliveries) as deliveries,
           (select jsonb_agg(to_jsonb(destinations) order by destination) from crm_sync.destinations) as destinations,
           (select to_jsonb(settings) from crm_sync.settings) as settings,
           (select count(*) from net.http_request_queue) as requests`);
  return rows[0];
}
