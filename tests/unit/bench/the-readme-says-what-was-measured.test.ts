/** README's table is that of the newest full run that is kept. UPDATE_README=1 writes it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { markdownTable } from "../../bench/markdown-table.ts";
import type { RunResult } from "../../bench/results.ts";

const README = join(ROOT, "README.md");
const RESULTS = join(ROOT, "tests/bench/results");
const TABLE = /(<!-- measured: ([\w-]+\.json) -->\n)[\s\S]*?(\n<!-- end -->)/g;

test("the table in README", () => {
  const readme = readFileSync(README, "utf8");
  const measured = readme.replace(TABLE, (_, begin, file, end) => {
    const result = JSON.parse(readFileSync(join(RESULTS, file), "utf8")) as RunResult;
    return `${begin}${markdownTable(result)}${end}`;
  });
  if (process.env.UPDATE_README === "1") writeFileSync(README, measured);
  else expect(readme).toBe(measured);
  expect(readme.match(TABLE)).not.toBeNull();
});
