/**
 * One database for all files of this folder: our own Postgres with the stand-ins, or the server that
 * CRM_SYNC_TEST_DATABASE_URL names, with its real pg_net, pg_cron and Vault. Vitest runs this once, before and after.
 */
import type pg from "pg";
import type { TestProject } from "vitest/node";
import { openClosers } from "../../../scripts/local/closers.ts";
import { startCronRunner } from "../../../scripts/local/cron-runner.ts";
import { requireExtensions } from "../../../scripts/local/given-server.ts";
import { startNetWorker } from "../../../scripts/local/net-worker.ts";
import { installPlatform } from "../../../scripts/local/platform.ts";
import { startTemporaryPostgres } from "../../../scripts/local/postgres.ts";
import { asPostgres } from "../../../scripts/local/stack.ts";
import { pushMigrations } from "../../../scripts/supabase-cli.ts";
import { withClient } from "../../../scripts/with-client.ts";

export interface Backend {
  /** As `postgres`, no superuser. */
  url: string;
  /** Null where the given server lets nobody in as supabase_admin. */
  superuserUrl: string | null;
  /** The server's log, where it is ours. */
  logFile: string | null;
}

declare module "vitest" {
  export interface ProvidedContext {
    backend: Backend;
  }
}

/** A schema that only these tests make: what lies beside it was made by them, too. */
const MARKER = "crm_sync_end_to_end_tests";

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.CRM_SYNC_TEST_DATABASE_URL;
  const { backend, stop } = given ? await useGiven(given) : await startOwn();
  project.provide("backend", backend);
  return stop;
}

async function startOwn() {
  const closers = openClosers();
  try {
    const server = await startTemporaryPostgres();
    closers.add("postgres", () => server.stop());
    await installPlatform(server.url);
    await pushMigrations(asPostgres(server.url));
    const netWorker = startNetWorker({ url: server.url });
    closers.add("net worker", netWorker.stop);
    const cronRunner = startCronRunner({ url: server.url });
    closers.add("cron runner", cronRunner.stop);
    await Promise.all([netWorker.ready, cronRunner.ready]);
    return {
      backend: { url: asPostgres(server.url), superuserUrl: server.url, logFile: server.logFile },
      stop: closers.closeAll,
    };
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}

/** Installs the engine anew on a server of the caller's; throws where that could cost somebody a row. */
export async function useGiven(url: string) {
  await emptyGiven(url);
  await pushMigrations(url);
  const superuserUrl = new URL(url);
  superuserUrl.username = "supabase_admin";
  const isSuperuser = await withClient(superuserUrl.href, async () => true).catch(() => false);
  return {
    backend: { url, superuserUrl: isSuperuser ? superuserUrl.href : null, logFile: null },
    stop: async () => undefined,
  };
}

/** Takes the engine and the sample tables of an earlier run away; throws where that could cost somebody a row. */
export async function emptyGiven(url: string): Promise<void> {
  const { hostname } = new URL(url);
  if (!["127.0.0.1", "localhost", "[::1]"].includes(hostname)) {
    throw new Error(
      `CRM_SYNC_TEST_DATABASE_URL names ${hostname}: these tests delete rows, they run on loopback only`,
    );
  }
  await withClient(url, async (client) => {
    await requireExtensions(client);
    await requireOurs(client);
    await client.query(`
      create schema if not exists ${MARKER};
      drop schema if exists crm_sync cascade;
      do $$
      declare
          v_function regprocedure;
      begin
          for v_function in
              select oid from pg_proc where pronamespace = 'public'::regnamespace and proname like 'crm\\_sync\\_%'
          loop
              execute format('drop function %s', v_function);
          end loop;
      end
      $$;
      drop table if exists public.leads, public.payments, public.requests, public.customers, public.orders cascade;
      drop schema if exists supabase_migrations cascade;
      delete from vault.secrets where name like 'crm\\_sync\\_%';
      select cron.unschedule(jobid) from cron.job where jobname like 'crm\\_sync\\_%';
    `);
  });
}

/** A database without our marker must hold no row that somebody could miss. */
async function requireOurs(client: pg.Client): Promise<void> {
  const { rows: markers } = await client.query("select from pg_namespace where nspname = $1", [
    MARKER,
  ]);
  if (markers.length > 0) return;
  const { rows: tables } = await client.query<{ name: string }>(
    `select format('%I.%I', nspname, relname) as name
     from pg_class join pg_namespace on pg_namespace.oid = relnamespace
     where relkind in ('r', 'p') and nspname in ('public', 'crm_sync') and relname not in ('settings', 'destinations')
       and (nspname = 'public' or relname in ('deliveries', 'capture_failures'))
     union all
     select 'vault.secrets' from vault.secrets where name like 'crm\\_sync\\_%' limit 100`,
  );
  for (const { name } of tables) {
    const { rows } = await client.query(`select from ${name} limit 1`);
    if (rows.length > 0) {
      throw new Error(
        `CRM_SYNC_TEST_DATABASE_URL: ${name} holds rows that these tests did not make, and they would delete them. ` +
          "Give them an empty database",
      );
    }
  }
}
