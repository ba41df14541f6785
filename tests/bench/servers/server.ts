/** The one server that all contenders run on. */
import type pg from "pg";

export interface BenchServer {
  /** As `postgres`, no superuser, who owns the database as on a hosted project. */
  url: string;
  stop(): Promise<void>;
}

/** What stands above every table of results. */
export interface ServerFacts {
  postgres: string;
  pg_net: string;
  pg_cron: string;
  /** Whether pg_net, pg_cron and Vault are our stand-ins or the extensions themselves. */
  platform: "stand-ins" | "real extensions";
  settings: Record<string, string>;
}

const SETTINGS = [
  "fsync",
  "synchronous_commit",
  "full_page_writes",
  "wal_level",
  "shared_buffers",
  "max_wal_size",
  "checkpoint_timeout",
  "autovacuum",
];

const FACTS = `
  select split_part(current_setting('server_version'), ' ', 1) as postgres,
         (select extversion from pg_extension where extname = 'pg_net') as pg_net,
         (select extversion from pg_extension where extname = 'pg_cron') as pg_cron,
         case when obj_description('net'::regnamespace) like 'stand-in%' then 'stand-ins' else 'real extensions' end
           as platform,
         (select jsonb_object_agg(name, current_setting(name)) from unnest($1::text[]) as names (name)) as settings`;

export async function factsOf(db: pg.Pool): Promise<ServerFacts> {
  const { rows } = await db.query<ServerFacts>(FACTS, [SETTINGS]);
  return rows[0] as ServerFacts;
}

/** For a heading. */
export function nameOf({ postgres, pg_net, pg_cron, platform }: ServerFacts): string {
  const kind = platform === "stand-ins" ? "stand-ins of " : "the real ";
  return `Postgres ${postgres}, ${kind}pg_net ${pg_net} and pg_cron ${pg_cron}`;
}
