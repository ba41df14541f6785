/** A server that lives as long as one piece of work: for checks that want a database of their own. */
import pg from "pg";
import { installPlatform } from "./local/platform.ts";
import { startTemporaryPostgres } from "./local/postgres.ts";

export interface ThrowawayServer {
  /** As supabase_admin, database postgres. */
  url: string;
  /**
   * A new database with the platform installed and nothing else.
   * Two URLs: one as `postgres`, who owns it as on a hosted project, one as the superuser.
   */
  createDatabase(name: string): Promise<{ url: string; superuserUrl: string }>;
  stop(): Promise<void>;
}

/** Starts a server whose data may be lost; about a second. The caller stops it. */
export async function startThrowawayServer(): Promise<ThrowawayServer> {
  const server = await startTemporaryPostgres();
  return {
    url: server.url,
    createDatabase: async (name) => {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      try {
        await client.query(`create database ${pg.escapeIdentifier(name)}`);
      } finally {
        await client.end();
      }
      const superuserUrl = new URL(server.url);
      superuserUrl.pathname = `/${name}`;
      await installPlatform(superuserUrl.href);
      const url = new URL(superuserUrl);
      url.username = "postgres";
      return { url: url.href, superuserUrl: superuserUrl.href };
    },
    stop: () => server.stop(),
  };
}

/** Starts a server, does the work, and stops the server whatever comes of it. */
export async function withThrowawayServer<T>(
  work: (server: ThrowawayServer) => Promise<T>,
): Promise<T> {
  const server = await startThrowawayServer();
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}
