import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { statementsOf } from "../../../scripts/migrations/statements.ts";
import { ROOT } from "../../../scripts/sql-files.ts";

const FOLDER = join(ROOT, "supabase", "migrations");
const UPGRADES = readdirSync(FOLDER).filter((file) => /_crm_sync_\d+_\d+_\d+\.sql$/.test(file));

test.each(UPGRADES)("%s begins with the lock before which each tick ends at once", (file) => {
  const [first] = statementsOf(readFileSync(join(FOLDER, file), "utf8"));
  expect(first?.text).toBe("select from crm_sync.settings for update");
});

test("there are such migrations", () => {
  expect(UPGRADES.length).toBeGreaterThan(0);
});
