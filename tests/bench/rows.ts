/** The rows that all contenders are given, and the statements that write them: the same for each but for the table's name. */
import { randomUUID } from "node:crypto";
import type { QueryConfig } from "pg";

/** Every value is made up. */
const COLUMNS = [
  "id",
  "email",
  "phone",
  "firstname",
  "lastname",
  "full_name",
  "connection_type",
  "postal_code",
  "source",
] as const;

function rowOf(id: string): string[] {
  return [
    id,
    `${id}@example.test`,
    "+33 6 12 34 56 78",
    "Léa",
    "Roux",
    "Léa Roux",
    "definitif",
    "69003",
    "website",
  ];
}

/** Prepared once a session, as an application's driver does it. */
export function insertOne(table: string, id: string = randomUUID()): QueryConfig {
  return {
    name: `insert_${table}`,
    text: `insert into ${table} (${COLUMNS.join(", ")}) values (${COLUMNS.map((_, index) => `$${index + 1}`).join(", ")})`,
    values: rowOf(id),
  };
}

/** A column that nobody watches. */
export function touchOne(table: string, id: string): QueryConfig {
  return {
    name: `touch_${table}`,
    text: `update ${table} set updated_at = clock_timestamp() where id = $1`,
    values: [id],
  };
}

/** One statement, whose rows come from a list of ids. */
export function insertMany(table: string, ids: readonly string[]): QueryConfig {
  return {
    name: `insert_many_${table}`,
    text: `insert into ${table} (${COLUMNS.join(", ")})
      select id, id || '@example.test', '+33 6 12 34 56 78', 'Léa', 'Roux', 'Léa Roux', 'definitif', '69003', 'website'
      from unnest($1::uuid[]) as ids (id)`,
    values: [ids],
  };
}

/** All rows of the table, a column that is watched. */
export function updateAll(table: string, source: string): QueryConfig {
  return {
    name: `update_all_${table}`,
    text: `update ${table} set source = $1`,
    values: [source],
  };
}

export function newIds(count: number): string[] {
  return Array.from({ length: count }, () => randomUUID());
}
