/** As psql prints it with `\x auto`: aligned, or one line a column where that grows too wide. */
import type { Printed } from "./rehearse.ts";

const WIDTH = 150;

export function print({ columns, rows }: Printed): string {
  const cells = rows.map((row) => row.map((cell) => cell ?? ""));
  const widths = columns.map((name, index) =>
    Math.max(name.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const isWide = widths.reduce((sum, width) => sum + width + 3, 0) > WIDTH;
  if (isWide && rows.length > 0) return expanded(columns, cells);
  const line = (row: string[], end = " ") =>
    row
      .map((cell, index) => ` ${cell.padEnd(widths[index] ?? 0)}${end}`)
      .join("|")
      .trimEnd();
  const count = `(${rows.length} ${rows.length === 1 ? "row" : "rows"})`;
  const rule = widths.map((width) => "-".repeat(width + 2)).join("+");
  return [line(columns), rule, ...cells.map((row) => line(row)), count].join("\n");
}

function expanded(columns: string[], rows: string[][]): string {
  const width = Math.max(...columns.map((name) => name.length));
  return rows
    .flatMap((row, index) => [
      `-[ RECORD ${index + 1} ]`,
      ...columns.map((name, column) => `${name.padEnd(width)} | ${row[column]}`.trimEnd()),
    ])
    .join("\n");
}

/** Without what differs from run to run: times, ages, random ids, the width of columns. */
export function comparable(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?(\+\d\d)?/g, "TIME")
    .replace(/\b\d\d:\d\d(:\d\d(\.\d+)?)?\b/g, "CLOCK")
    .replace(/\b\d+ (ms|s|min)\b/g, "AGE")
    .replace(
      /\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-(?!0{6})[0-9a-f]{12}\b/g,
      "UUID",
    )
    .replace(/-+(\+-+)*(?=\n|$)/g, "RULE")
    .replace(/ +/g, " ")
    .trim();
}
