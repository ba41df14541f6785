/** What a database says of itself, as text that can be compared. The query is catalog.sql. */
import { readFileSync } from "node:fs";
import type pg from "pg";

const query = readFileSync(new URL("./catalog.sql", import.meta.url), "utf8");
const SEPARATOR = " | ";

/** One line `object | property | value` for each property of each object of the schemas; sorted. */
export async function readCatalog(
  client: pg.ClientBase,
  schemas: readonly string[],
): Promise<string[]> {
  const { rows: before } = await client.query<{ path: string }>(
    "select current_setting('search_path') as path, set_config('search_path', '', false)",
  );
  try {
    const { rows } = await client.query<{ object: string; property: string; value: string }>(
      query,
      [schemas],
    );
    return rows.map(({ object, property, value }) => [object, property, value].join(SEPARATOR));
  } finally {
    await client.query("select set_config('search_path', $1, false)", [before[0]?.path]);
  }
}

/**
 * The lines that only one of two catalogs has: `-` for the first, `+` for the second; empty when they are equal.
 * A value of many lines shows only those lines that differ.
 */
export function diffCatalogs(first: readonly string[], second: readonly string[]): string[] {
  const [before, after] = [new Map(first.map(split)), new Map(second.map(split))];
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys.flatMap((key) => {
    const [old, now] = [before.get(key), after.get(key)];
    if (old === now) return [];
    const [gone, come] = [linesOnlyIn(old, now), linesOnlyIn(now, old)];
    if (gone.length + come.length === 0)
      return [`- ${key}${SEPARATOR}(its lines in another order)`];
    return [
      ...gone.map((line) => `- ${key}${SEPARATOR}${line}`),
      ...come.map((line) => `+ ${key}${SEPARATOR}${line}`),
    ];
  });
}

function split(line: string): [key: string, value: string] {
  const [object = "", property = "", ...value] = line.split(SEPARATOR);
  return [`${object}${SEPARATOR}${property}`, value.join(SEPARATOR)];
}

function linesOnlyIn(value: string | undefined, other: string | undefined): string[] {
  const theirs = new Set(other?.split("\n"));
  return value?.split("\n").filter((line) => !theirs.has(line)) ?? [];
}
