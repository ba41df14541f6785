/** README, "On hosted Supabase", and "A new release", by the CLI itself: what of the environment ends in Vault, and when. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { pushMigrations, remote, supabase } from "../../../scripts/supabase-cli.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { createTestDatabase } from "../../support/database.ts";

const FUNCTION_URL = "https://project.example.test/functions/v1/crm-sync";
const [OLD, NEW] = ["old", "new"].map(
  (age) => `whsec_${Buffer.from(`obviously fake, the ${age} one`).toString("base64")}`,
) as [string, string];

it("the first push stores both; after a rotation the next that has a migration puts the old secret back, one with --skip-vault does not", async () => {
  const { postgresUrl: url } = await createTestDatabase();
  const workdir = makeProject();
  const env = { CRM_SYNC_SIGNING_SECRET: OLD, CRM_SYNC_FUNCTION_URL: FUNCTION_URL };
  const push = async () => {
    const { exitCode, stderr } = await supabase(["db", "push", remote(url), "--yes"], {
      ...{ workdir, env },
    });
    expect(exitCode, stderr).toBe(0);
  };

  await push();
  expect(await vaultOf(url)).toEqual({
    ...{ crm_sync_function_url: FUNCTION_URL, crm_sync_signing_secret: OLD },
  });
  await rotate(url);
  await push();
  expect((await vaultOf(url)).crm_sync_signing_secret).toBe(NEW);

  migration(workdir, "21000101000000_next");
  await push();
  expect((await vaultOf(url)).crm_sync_signing_secret).toBe(OLD);

  await rotate(url);
  migration(workdir, "21000101000001_after");
  await pushMigrations(url, { workdir, env });
  expect((await vaultOf(url)).crm_sync_signing_secret).toBe(NEW);
});

async function rotate(url: string): Promise<void> {
  await withClient(url, (client) =>
    client.query(
      "select vault.update_secret(id, $1) from vault.secrets where name = 'crm_sync_signing_secret'",
      [NEW],
    ),
  );
}

async function vaultOf(url: string): Promise<Record<string, string>> {
  const { rows } = await withClient(url, (client) =>
    client.query<{ name: string; secret: string }>(
      "select name, decrypted_secret as secret from vault.decrypted_secrets order by name",
    ),
  );
  return Object.fromEntries(rows.map(({ name, secret }) => [name, secret]));
}

function makeProject(): string {
  const workdir = mkdtempSync(join(tmpdir(), "crm-sync-push-"));
  onTestFinished(() => rmSync(workdir, { recursive: true, force: true }));
  mkdirSync(join(workdir, "supabase"));
  for (const part of ["config.toml", "migrations", "functions"]) {
    cpSync(join(ROOT, "supabase", part), join(workdir, "supabase", part), { recursive: true });
  }
  return workdir;
}

function migration(workdir: string, name: string): void {
  writeFileSync(join(workdir, "supabase/migrations", `${name}.sql`), "select 1;\n");
}
