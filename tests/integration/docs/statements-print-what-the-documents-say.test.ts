/**
 * Each section of a document in a database of its own: what its hidden "rehearse" comments break, its statements, and
 * what they print; a statement within a sentence is run only. UPDATE_DOCUMENTS=1 writes what was printed into it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { comparable, print } from "./print.ts";
import { openRehearsal, run } from "./rehearse.ts";

const DOCUMENTS = ["docs/runbook.md", "docs/existing-application.md"];
const BLOCKS =
  /<!-- rehearse\n(?<happens>.*?)\n-->|```sql\n(?<sql>.*?)\n```(?:\n\n?```text\n(?<said>.*?)\n?```)?/gs;
const isUpdating = process.env.UPDATE_DOCUMENTS === "1";

describe.each(DOCUMENTS)("%s", (document) => {
  const file = join(ROOT, document);
  const sections = readFileSync(file, "utf8").split(/^(?=## )/m);
  const written = [...sections];

  it.each(sections.map((section, index) => [section.split("\n")[0], section, index] as const))(
    "%s",
    async (_, section, index) => {
      const client = await openRehearsal("nothing");
      const blocks: string[] = [];
      for (const { groups, 0: block } of section.matchAll(BLOCKS)) {
        if (groups?.happens) await rehearse(client, groups.happens);
        blocks.push(groups?.sql ? await answered(client, groups.sql, groups.said) : block);
      }
      for (const sql of statementsInText(section)) {
        await client.query(`begin; ${sql} rollback`);
      }
      written[index] = section.replace(BLOCKS, () => blocks.shift() ?? "");
    },
  );

  afterAll(() => {
    if (isUpdating) writeFileSync(file, written.join(""));
  });
});

/** A line, a statement: what commits inside can not share a message. */
async function rehearse(client: pg.Client, lines: string): Promise<void> {
  for (const line of lines.split("\n")) await client.query(line);
}

/** The block as it should stand; what it says must be what is printed, unless that is to be written. */
async function answered(client: pg.Client, sql: string, said = ""): Promise<string> {
  const printed = (await run(client, sql)).map(print).join("\n\n");
  if (!isUpdating) expect(comparable(said), sql).toBe(comparable(printed));
  const text = comparable(said) === comparable(printed) ? said : printed;
  return `\`\`\`sql\n${sql}\n\`\`\`\n\n\`\`\`text\n${text}\n\`\`\``;
}

/** `select …;` in a sentence or a table: run, and undone. Not those with something to fill in. */
function statementsInText(section: string): string[] {
  return [...section.replace(BLOCKS, "").matchAll(/`((?:select|update|delete) [^`…]*;)`/g)].map(
    ([, sql]) => sql as string,
  );
}
