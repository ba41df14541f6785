/** What the database must know of this stack, in Vault: where to post, and with which key to sign. */
import type pg from "pg";

/** Marks what we wrote, so that nothing else is ever overwritten. */
const DESCRIPTION = "written by npm start";

export interface VaultSecrets {
  crm_sync_function_url: string;
  crm_sync_signing_secret: string;
}

/**
 * Throws if Vault holds one of our names with a value that npm start did not write:
 * such a database delivers somewhere already, and must not be made to deliver to stand-ins.
 */
export async function requireVaultFree(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "select name from vault.secrets where name like 'crm\\_sync\\_%' and description <> $1",
    [DESCRIPTION],
  );
  if (rows.length === 0) return;
  throw new Error(
    `Vault of this server holds ${rows.map(({ name }) => name).join(" and ")} already, not written by npm start: ` +
      "its deliveries go somewhere, and npm start will not redirect them. Use another database, or remove these secrets first",
  );
}

/**
 * Sets the secrets, whether they exist or not. Values travel as parameters, which no log shows.
 * Returns what puts back what was there before.
 */
export async function writeVault(
  client: pg.ClientBase,
  secrets: VaultSecrets,
): Promise<() => Promise<void>> {
  const { rows: before } = await client.query<{ name: string; secret: string }>(
    "select name, decrypted_secret as secret from vault.decrypted_secrets where name = any ($1)",
    [Object.keys(secrets)],
  );
  await setSecrets(client, Object.entries(secrets));
  return async () => {
    const were = before.map(({ name }) => name);
    const isNew = Object.keys(secrets).filter((name) => !were.includes(name));
    await setSecrets(
      client,
      before.map(({ name, secret }) => [name, secret]),
    );
    await client.query("delete from vault.secrets where name = any ($1)", [isNew]);
  };
}

async function setSecrets(client: pg.ClientBase, secrets: [string, string][]): Promise<void> {
  for (const [name, value] of secrets) {
    const { rows } = await client.query<{ id: string }>(
      "select id from vault.secrets where name = $1",
      [name],
    );
    const id = rows[0]?.id;
    if (id) {
      await client.query("select vault.update_secret($1, $2, $3, $4)", [
        id,
        value,
        name,
        DESCRIPTION,
      ]);
    } else {
      await client.query("select vault.create_secret($1, $2, $3)", [value, name, DESCRIPTION]);
    }
  }
}
