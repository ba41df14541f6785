import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { readMigrations } from "../../../scripts/migrations/releases.ts";
import { pushMigrations } from "../../../scripts/supabase-cli.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { createTestDatabase } from "../../support/database.ts";
import { script } from "../stack/stack.ts";

/** Without their stamps. */
const OURS = [...readMigrations().keys()]
  .map((file) => file.replace(/^\d+_/, ""))
  .filter((name) => !name.startsWith("sample_tables"));
/** Stamped in the future, as by a machine whose clock is wrong. */
const THEIRS = "20991231235959_tables.sql";

it("migrations after theirs, which the CLI pushes; the function; its entries of config.toml", async () => {
  const folder = makeProject();
  const { exitCode, stdout } = await script("add-to.ts", [folder, "--next"]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain("Left to do:");
  expect(stdout).toContain("npx supabase db push --remote\n");
  expect(readdirSync(join(folder, "supabase/migrations"))).toEqual([
    THEIRS,
    ...OURS.map((name, index) => `${21_000_101_000_000 + index}_${name}`),
  ]);
  expect(readFileSync(join(folder, "supabase/config.toml"), "utf8")).toBe(`project_id = "theirs"

# \`supabase db push\` writes these two into Vault where it has a migration to apply, also over newer ones: after the first, --skip-vault.
# The database signs with the first and posts to the second; both are read from the environment, never from a file of the repository.
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
  await script("add-to.ts", [folder, "--next"]);
  const mapper = join(folder, "supabase/functions/crm-sync/mappers/lead.ts");
  writeFileSync(mapper, "// theirs");
  const again = await script("add-to.ts", [folder, "--next"]);
  expect(again.exitCode).toBe(0);
  expect(again.stdout).toContain("kept supabase/functions/crm-sync/mappers/lead.ts, which differs");
  expect(again.stdout).toContain("Everything is there already.");
  expect(again.stdout).not.toContain("Left to do");
  expect(readFileSync(mapper, "utf8")).toBe("// theirs");
});

it("after an update, what they have left as it was is replaced", async () => {
  const folder = makeProject();
  await script("add-to.ts", [folder, "--next"]);
  const copies = join(folder, "supabase/functions/crm-sync");
  const list = join(copies, "crm-sync.copied.json");
  const before = readFileSync(join(copies, "log.ts"), "utf8");
  // As an older release had it.
  writeFileSync(join(copies, "log.ts"), "// older");
  const copied = JSON.parse(readFileSync(list, "utf8"));
  const older = createHash("sha256").update("// older").digest("hex").slice(0, 16);
  writeFileSync(list, JSON.stringify({ ...copied, "log.ts": older }));
  const { stdout } = await script("add-to.ts", [folder, "--next"]);
  expect(stdout).toContain("new  supabase/functions/crm-sync/log.ts");
  expect(stdout).toContain("Left to do of this update:");
  expect(stdout).toContain("npx supabase db push --remote --skip-vault\n");
  expect(stdout).not.toContain("secrets set");
  expect(readFileSync(join(copies, "log.ts"), "utf8")).toBe(before);
});

it("a section in a comment is none, one with quotes is there", async () => {
  const folder = makeProject();
  const config = join(folder, "supabase/config.toml");
  writeFileSync(
    config,
    '# [db.vault]\n\n[functions."crm-sync"]\nentrypoint = "./functions/crm-sync/index.ts"\n',
  );
  await script("add-to.ts", [folder, "--next"]);
  const text = readFileSync(config, "utf8");
  expect(text.match(/^\[db\.vault\]$/gm)).toHaveLength(1);
  expect(text).not.toContain("[functions.crm-sync]");
});

it.each([
  '[db]\nport = 54322\nvault.their_key = "env(THEIR_KEY)"\n',
  '[ db ] # ours\n"vault" . their_key = "env(THEIR_KEY)"\n',
  '[db]\nvault = { their_key = "env(THEIR_KEY)" }\n',
  'db.vault.their_key = "env(THEIR_KEY)"\n',
])(
  "Vault's keys that stand elsewhere than in a section of their own are kept: %j",
  async (text) => {
    const folder = makeProject();
    const config = join(folder, "supabase/config.toml");
    writeFileSync(config, text);
    const { stdout } = await script("add-to.ts", [folder, "--next"]);
    expect(stdout).toContain("kept [db.vault] in supabase/config.toml: add what crm-sync's has");
    expect(readFileSync(config, "utf8")).not.toMatch(/^\[db\.vault\]$/m);
    expect(readFileSync(config, "utf8")).toContain("[functions.crm-sync]");
  },
);

it("vault under another section than [db] is none of its keys", async () => {
  const folder = makeProject();
  const config = join(folder, "supabase/config.toml");
  writeFileSync(config, '[db]\nport = 54322\n\n[auth]\nvault.key = "theirs"\n');
  await script("add-to.ts", [folder, "--next"]);
  expect(readFileSync(config, "utf8")).toMatch(/^\[db\.vault\]$/m);
});

it("a config.toml keeps its line ends", async () => {
  const folder = makeProject();
  const config = join(folder, "supabase/config.toml");
  writeFileSync(config, 'project_id = "theirs"\r\n\r\n[db]\r\nport = 54322\r\n');
  await script("add-to.ts", [folder, "--next"]);
  const text = readFileSync(config, "utf8");
  expect(text).toMatch(/^project_id = "theirs"\r\n\r\n\[db\]\r\nport = 54322\r\n\r\n# /);
  expect(text.replaceAll("\r\n", "")).not.toContain("\n");
});

it("a migration that they have changed is refused, and a folder that is no project", async () => {
  const folder = makeProject();
  await script("add-to.ts", [folder, "--next"]);
  const copy = join(folder, "supabase/migrations/21000101000000_crm_sync.sql");
  writeFileSync(copy, readFileSync(copy, "utf8").replace("create schema crm_sync;", ""));
  const changed = await script("add-to.ts", [folder, "--next"]);
  expect(changed.exitCode).toBe(1);
  expect(changed.stderr).toContain("is not what crm-sync has under this name");
  writeFileSync(copy, "select 1;");
  expect((await script("add-to.ts", [folder, "--next"])).stderr).toContain("and is none");
  const none = await script("add-to.ts", [join(folder, "supabase")]);
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
