/** Tables for people: aligned columns, no frame. */
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

/** Columns whose texts are all numbers stand on the right. Empty cells stay empty. */
export function formatTable(columns: string[], rows: string[][]): string {
  const isNumeric = columns.map(
    (_, index) => rows.length > 0 && rows.every((row) => /^(-?[\d.]+)?$/.test(row[index] ?? "")),
  );
  const table = new Table({
    head: columns.map((column) => pc.bold(column)),
    chars: NO_FRAME,
    colAligns: isNumeric.map((numeric) => (numeric ? "right" : "left")),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  table.push(...rows.map((row) => columns.map((_, index) => row[index] ?? "")));
  return trimLines(table.toString());
}

/** Lines that come one by one keep their columns by width. The last column takes what is left. */
export function formatLine(cells: string[], widths: number[]): string {
  return trimLines(cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join("  "));
}

function trimLines(text: string): string {
  return text.replace(/ +$/gm, "");
}
