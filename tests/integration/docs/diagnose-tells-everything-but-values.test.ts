import { readFileSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";
import { expect, it } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { openRehearsal, type Printed, run } from "./rehearse.ts";

const TEXT = readFileSync(join(ROOT, "sql/ops/diagnose.sql"), "utf8");
/** Without psql's own commands and the comments. */
const STATEMENTS = TEXT.replace(/^(\\|--).*$/gm, "")
  .split(/;\s*\n/)
  .map((statement) => statement.trim())
  .filter((statement) => statement !== "");

/** Of the rehearsal's rows, secrets and operators. */
const NOT_TO_BE_TOLD = [
  /example\.test/,
  /Ada/,
  /\+33 6/,
  /whsec_/,
  /functions\.example/,
  /[0-9]{8}-0000-4000/,
];

it("runs whole, changes nothing and shows no value of a row, no secret and no URL", async () => {
  const client = await openRehearsal("some_deliveries");
  await client.query("select * from crm_sync.redeliver('{4}', p_note => 'Ada Example called')");
  const output = JSON.stringify(await diagnose(client));
  for (const value of NOT_TO_BE_TOLD) expect(output).not.toMatch(value);
  expect(output).toContain("receiver_status_503");
});

async function diagnose(client: pg.Client): Promise<Printed[]> {
  const printed: Printed[] = [];
  for (const statement of STATEMENTS) printed.push(...(await run(client, statement)));
  return printed;
}
