import { expect, test } from "vitest";
import { sqlFiles } from "../../scripts/sql-files.ts";

test("tables come before what is attached to them", () => {
  expect(sqlFiles("app")).toEqual(["sql/app/tables.sql", "sql/app/attachments.sql"]);
});

test("stages come one after another, and a file after those before it in its folder", () => {
  const files = sqlFiles("crm_sync");
  expect(files[0]).toBe("sql/crm_sync/01_setup/schema.sql");
  expect(files).toEqual([...files].sort());
  expect(files.every((file) => /^sql\/crm_sync\/\d\d_[a-z_]+\/[a-z_]+\.sql$/.test(file))).toBe(
    true,
  );
});
