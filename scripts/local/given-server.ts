/** A Postgres server that is not ours (DATABASE_URL): what it must have, and whether it reaches us. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { isLoopback } from "../loopback.ts";
import { requireVaultFree } from "./vault.ts";

const REACH_LIMIT_MS = 10_000;

const MENDS: Record<string, string> = {
  pg_net: "create extension pg_net (needs shared_preload_libraries = 'pg_net'), 0.19 or newer",
  pg_cron:
    "create extension pg_cron (needs shared_preload_libraries = 'pg_cron'; cron.database_name must name this database), 1.5 or newer",
  Vault: "create extension supabase_vault cascade",
};

/** Throws with a mend for each part of the platform that the database lacks. */
export async function requireExtensions(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ part: string }>(`
    select part
    from (values
      ('pg_net', to_regprocedure('net.http_post(text, jsonb, jsonb, jsonb, integer)') is not null
        and to_regprocedure('net.wake()') is not null),
      ('pg_cron', to_regprocedure('cron.schedule(text, text, text)') is not null),
      ('Vault', to_regclass('vault.decrypted_secrets') is not null)
    ) as parts (part, is_there)
    where not is_there`);
  if (rows.length === 0) return;
  throw new Error(
    [
      "the database at DATABASE_URL lacks:",
      ...rows.map(({ part }) => `  ${part}: ${MENDS[part]}`),
    ].join("\n"),
  );
}

/** Where a URL really leads, a `?host=` in it also. */
export function placeOf(url: string): { host: string; database: string; isLocal: boolean } {
  const { host, database } = new pg.Client({ connectionString: url });
  return { host, database: database ?? "postgres", isLocal: isLoopback(host) };
}

/**
 * Throws where a start would send what is somebody's: Vault names another function, or it names none yet and
 * deliveries wait for one. Only looks.
 */
export async function requireNobodysDeliveries(client: pg.ClientBase): Promise<void> {
  await requireVaultFree(client);
  const { rows } = await client.query<{ installed: boolean; started: boolean }>(
    `select to_regclass('crm_sync.deliveries') is not null as installed,
            exists (select from vault.secrets where name = 'crm_sync_function_url') as started`,
  );
  if (!rows[0]?.installed || rows[0].started) return;
  const { rows: counts } = await client.query<{ waiting: number }>(
    "select count(*)::int as waiting from crm_sync.deliveries where status in ('pending', 'in_flight')",
  );
  const waiting = counts[0]?.waiting ?? 0;
  if (waiting === 0) return;
  throw new Error(
    `${waiting} ${waiting === 1 ? "delivery waits" : "deliveries wait"} in this database, and no npm start has run there: ` +
      "it would send them to its own function. Use another database, or end them first: crm_sync.cancel(array[…], 'why')",
  );
}

/** Lets pg_net call the function once. Throws if no answer comes: then no delivery would ever leave. */
export async function requireReach(client: pg.ClientBase, functionUrl: string): Promise<void> {
  const { rows } = await client.query<{ id: string }>(
    "select net.http_get($1, timeout_milliseconds := 5000) as id",
    [functionUrl],
  );
  const id = rows[0]?.id;
  for (const deadline = Date.now() + REACH_LIMIT_MS; Date.now() < deadline; await sleep(100)) {
    const { rows: answers } = await client.query<{ status_code: number | null; error_msg: string }>(
      "delete from net._http_response where id = $1 returning status_code, error_msg",
      [id],
    );
    const [answer] = answers;
    // The function refuses a GET; any answer of it will do.
    if (answer?.status_code === 405) return;
    if (answer) {
      throw new Error(
        `the database does not reach the function at ${functionUrl} (${answer.error_msg ?? `HTTP ${answer.status_code}`}): ` +
          "give the name by which it knows this machine with --function-host, e.g. host.docker.internal",
      );
    }
  }
  throw new Error(
    `pg_net of this database sent nothing within ${REACH_LIMIT_MS / 1000} s: its worker does not run for this database (pg_net.database_name)`,
  );
}
