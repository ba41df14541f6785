/** What a command prints: rows as a table for people, or as JSON for scripts. */
import pc from "picocolors";
import { formatTable } from "../terminal/table.ts";
import type { Row } from "./database.ts";

export interface OutputOptions {
  json?: true;
}

/** Header → the row's field. Fields without a header are for --json only. */
export type Columns = Record<string, string>;

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

export function printTable(columns: Columns, rows: Row[]): void {
  const cells = rows.map((row) => Object.values(columns).map((field) => toCell(row[field])));
  console.log(formatTable(Object.keys(columns), cells, terminalWidth()));
}

/** The rows, or one line that says that there are none. */
export function printRows(
  options: OutputOptions,
  rows: Row[],
  columns: Columns,
  none: string,
): void {
  if (options.json) printJson(rows);
  else if (rows.length === 0) console.log(none);
  else printTable(columns, rows);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

const LEVEL_COLOURS = new Map([
  ["ok", pc.green],
  ["warning", pc.yellow],
  ["error", pc.red],
  ["unknown", pc.red],
  ["delivered", pc.green],
  ["open", pc.green],
  ["dead", pc.red],
]);

/** Times to the second in UTC; words that everybody looks for in colour. */
function toCell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) return `${value.toISOString().slice(0, 19).replace("T", " ")}Z`;
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object") return JSON.stringify(value);
  const text = String(value);
  return LEVEL_COLOURS.get(text)?.(text) ?? text;
}

/** A pipe has no width: nothing is wrapped there. */
function terminalWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Infinity;
}
