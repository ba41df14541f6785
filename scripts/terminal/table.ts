/** Tables for people: aligned columns, no frame. */
import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
import pc from "picocolors";

const NO_FRAME = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/** A column of prose narrower than this reads worse than a line that the terminal breaks. */
const NARROWEST_PROSE = 16;

/**
 * Columns whose texts are all numbers stand on the right. Empty cells stay empty. Where the table is wider than `width`
 * (characters of the terminal), prose is wrapped; ids never are, so that they can be copied.
 */
export function formatTable(columns: string[], rows: string[][], width = Infinity): string {
  const isNumeric = columns.map(
    (_, index) => rows.length > 0 && rows.every((row) => /^(-?[\d.]+)?$/.test(row[index] ?? "")),
  );
  const table = new Table({
    head: columns.map((column) => pc.bold(column)),
    chars: NO_FRAME,
    colAligns: isNumeric.map((numeric) => (numeric ? "right" : "left")),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
    ...wrapping(columns, rows, width),
  });
  table.push(...rows.map((row) => columns.map((_, index) => row[index] ?? "")));
  return trimLines(table.toString());
}

function wrapping(columns: string[], rows: string[][], width: number) {
  const texts = columns.map((column, index) =>
    [column, ...rows.map((row) => row[index] ?? "")].map(stripVTControlCharacters),
  );
  const natural = texts.map((cells) =>
    Math.max(...cells.flatMap((cell) => cell.split("\n")).map((line) => line.length)),
  );
  const excess = sum(natural) + 2 * (columns.length - 1) - width;
  if (excess <= 0) return {};
  const isProse = texts.map((cells) => cells.slice(1).some((cell) => /\S \S+ /.test(cell)));
  const prose = natural.filter((_, index) => isProse[index]);
  const most = widest(prose, sum(prose) - excess);
  if (most < NARROWEST_PROSE) return {};
  return {
    colWidths: natural.map((wide, index) => (isProse[index] ? Math.min(wide, most) : wide)),
    wordWrap: true,
  };
}

/** How wide each may be at most, for all of them to fit into `room`. */
function widest(widths: number[], room: number): number {
  let most = Math.max(0, ...widths);
  while (most > 0 && sum(widths.map((wide) => Math.min(wide, most))) > room) most -= 1;
  return most;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Lines that come one by one keep their columns by width. The last column takes what is left. */
export function formatLine(cells: string[], widths: number[]): string {
  return trimLines(cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join("  "));
}

function trimLines(text: string): string {
  return text.replace(/ +$/gm, "");
}
