/** A database with the stand-ins of the platform, our SQL, and what the tests watch and move it with. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeVault } from "../../../scripts/local/vault.ts";
import { installFromSource } from "../../../scripts/migrations.ts";
import { ROOT } from "../../../scripts/sql-files.ts";
import { withClient } from "../../../scripts/with-client.ts";

export interface ChaosDatabase {
  /** As `postgres`, no superuser, who owns and runs crm_sync. */
  url: string;
  /** For what the platform itself does, and for moving time. */
  superuserUrl: string;
}

/** An obvious fake. */
export const SIGNING_SECRET = `whsec_${Buffer.from("obviously fake, for chaos tests only").toString("base64")}`;

/** Where envelopes are posted while the test itself plays pg_net: nobody listens there. */
const NOWHERE = "http://127.0.0.1:9/crm-sync";

/** Installs into a database that has the platform and nothing else. */
export async function installWorld(database: ChaosDatabase): Promise<void> {
  await installFromSource(database.url);
  await watchLedger(database, NOWHERE);
}

/** Adds what the tests watch and move a database with, and says where envelopes are posted. */
export async function watchLedger(
  { url, superuserUrl }: ChaosDatabase,
  functionUrl: string,
): Promise<void> {
  await withClient(url, async (client) => {
    await writeVault(client, {
      crm_sync_function_url: functionUrl,
      crm_sync_signing_secret: SIGNING_SECRET,
    });
  });
  await withClient(superuserUrl, async (client) => {
    await client.query("drop schema if exists chaos cascade");
    await client.query(await readFile(join(ROOT, "tests/chaos/world/audit.sql"), "utf8"));
    await client.query("select chaos.reset()");
  });
}
