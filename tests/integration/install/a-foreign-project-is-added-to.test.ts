import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { pushMigrations } from "../../../scripts/supabase-cli.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { createTestDatabase } from "../../support/database.ts";
import { script } from "../stack/stack.ts";

/** Stamped in the future, as by a machine whose clock is wrong. */
const THEIRS = "20991231235959_tables.sql";

it("migrations after theirs, which the CLI pushes; the function; its entries of config.toml", async () => {
  const folder = makeProject();
  const { exitCode, stdout } = await script("add-to.ts", [folder]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain("Left to do:");
  expect(readdirSync(join(folder, "supabase/migrations"))).toEqual([
    THEIRS,
    "21000101000000_crm_sync.sql",
  ]);
  expect(readFileSync(join(folder, "supabase/config.toml"), "utf8")).toBe(`project_id = "theirs"

# \`supabase db push\` writes these two into Vault. The database signs with the first and posts to the
# second; both are read from the environment, never from a file of the repository.
[db.vault]
crm_sync_signing_secret = "env(CRM_SYNC_SIGNING_SECRET)"
crm_sync_function_url = "env(CRM_SYNC_FUNCTION_URL)"

# The caller is the database, which has no JWT: the function checks its signature instead.
[functions.crm-sync]
verify_jwt = false
import_map = "./functions/crm-sync/deno.json"
entrypoint = "./functions/crm-sync/index.ts"
`);
  expect(readdirSync(join(folder, "supabase/functions/crm-sync"))).toContain("index.ts");
  const { postgresUrl } = await createTestDatabase();
  await pushMigrations(postgresUrl, { workdir: folder });
  const { rows } = await withClient(postgresUrl, (client) =>
    client.query(
      "select to_regclass('public.theirs') as theirs, to_regclass('crm_sync.deliveries') as ours",
    ),
  );
  expect(rows).toEqual([{ theirs: "theirs", ours: "crm_sync.deliveries" }]);
});

it("a second run copies nothing, and keeps what they have changed", async () => {
  const folder = makeProject();
  await script("add-to.ts", [folder]);
  const mapper = join(folder, "supabase/functions/crm-sync/mappers/lead.ts");
  writeFileSync(mapper, "// theirs");
  const again = await script("add-to.ts", [folder]);
  expect(again.exitCode).toBe(0);
  expect(again.stdout).toContain("kept supabase/functions/crm-sync/mappers/lead.ts, which differs");
  expect(again.stdout).toContain("Everything is there already.");
  expect(readFileSync(mapper, "utf8")).toBe("// theirs");
});

it("a migration that they have changed is refused, and a folder that is no project", async () => {
  const folder = makeProject();
  await script("add-to.ts", [folder]);
  writeFileSync(join(folder, "supabase/migrations/21000101000000_crm_sync.sql"), "select 1;");
  const changed = await script("add-to.ts", [folder]);
  expect(changed.exitCode).toBe(1);
  expect(changed.stderr).toContain("is not what crm-sync has under this name");
  const none = await script("add-to.ts", [tmpdir()]);
  expect(none.exitCode).toBe(1);
  expect(none.stderr).toContain("hint: supabase init makes one.");
});

function makeProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "crm-sync-theirs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "supabase/migrations"), { recursive: true });
  writeFileSync(join(folder, "supabase/config.toml"), 'project_id = "theirs"\n');
  writeFileSync(join(folder, "supabase/migrations", THEIRS), "create table public.theirs ();\n");
  return folder;
}
