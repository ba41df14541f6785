/** The tables in README and docs/scale.md are those of the newest full run that is kept. UPDATE_README=1 writes them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { markdownTable, shortTable } from "../../bench/markdown-table.ts";
import type { RunResult } from "../../bench/results.ts";

const RESULTS = join(ROOT, "tests/bench/results");
const TABLE = /(<!-- measured: ([\w-]+\.json) -->\n)[\s\S]*?(\n<!-- end -->)/g;

test.each([
  ["README.md", shortTable],
  ["docs/scale.md", markdownTable],
])("the table in %s", (document, tableOf) => {
  const path = join(ROOT, document);
  const text = readFileSync(path, "utf8");
  const measured = text.replace(TABLE, (_, begin, file, end) => {
    return `${begin}${tableOf(readResult(file))}${end}`;
  });
  if (process.env.UPDATE_README === "1") writeFileSync(path, measured);
  else expect(text).toBe(measured);
  expect(text.match(TABLE)).toHaveLength(1);
});

test("both are of one run, and README tells how many of its goals are not met, and where", () => {
  const texts = ["README.md", "docs/scale.md"].map((document) =>
    readFileSync(join(ROOT, document), "utf8"),
  );
  const [[, , file = ""] = [], other = []] = texts.map(
    (text) => [...text.matchAll(TABLE)][0] ?? [],
  );
  expect(other[2]).toBe(file);
  const verdicts = readResult(file).measures.flatMap((measure) => measure.verdicts);
  const missed = verdicts.filter(({ met }) => !met).length;
  const short = shortTable(readResult(file));
  expect(short).toContain(
    `Of ${verdicts.length} goals ${missed} are not met: all of them, with what was reached, in [docs/scale.md](docs/scale.md#measured).`,
  );
  expect(short.match(/^\| .* \|$/gm)).toHaveLength(6);
});

function readResult(file: string): RunResult {
  return JSON.parse(readFileSync(join(RESULTS, file), "utf8")) as RunResult;
}
