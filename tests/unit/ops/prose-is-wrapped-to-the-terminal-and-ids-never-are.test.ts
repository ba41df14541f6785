import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { formatTable } from "../../../scripts/terminal/table.ts";

const ID = "10000000-0000-4000-8000-000000000001";
const COLUMNS = ["row", "mend"];
const ROWS = [[ID, "correct the row; it is sent again by itself"]];

test("a pipe has no width", () => {
  expect(formatTable(COLUMNS, ROWS).split("\n")).toHaveLength(2);
});

test("prose takes what the ids leave", () => {
  expect(stripVTControlCharacters(formatTable(COLUMNS, ROWS, 60)).split("\n")).toEqual([
    expect.stringMatching(/^row +mend$/),
    `${ID}  correct the row; it is`,
    `${" ".repeat(ID.length)}  sent again by itself`,
  ]);
});

test("where nothing sensible is left, the terminal breaks the line", () => {
  expect(formatTable(COLUMNS, ROWS, 45)).toBe(formatTable(COLUMNS, ROWS));
});
