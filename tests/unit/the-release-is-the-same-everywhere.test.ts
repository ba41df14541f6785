import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../../scripts/sql-files.ts";

test("crm_sync.version() is package.json's", () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    version: string;
  };
  const sql = readFileSync(join(ROOT, "sql/crm_sync/01_setup/version.sql"), "utf8");
  expect(sql).toContain(`select '${version}'\n`);
});
