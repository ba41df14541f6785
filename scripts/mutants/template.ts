/** A server with a database in which everything is installed, and clones of it for one mutant each. */
import pg from "pg";
import { installPgtap, installPlatform } from "../local/platform.ts";
import { startTemporaryPostgres } from "../local/postgres.ts";
import { installFromSource } from "../migrations.ts";

export interface Clone {
  name: string;
  /** As postgres, who owns it and is no superuser. */
  url: string;
  superuserUrl: string;
  drop(): Promise<void>;
}

export interface Template {
  clone(): Promise<Clone>;
  stop(): Promise<void>;
}

const NAME = "mutants_template";

export async function makeTemplate(): Promise<Template> {
  const server = await startTemporaryPostgres();
  const run = (sql: string) => query(server.url, sql);
  const urls = (name: string) => {
    const superuser = new URL(server.url);
    superuser.pathname = `/${name}`;
    const owner = new URL(superuser);
    owner.username = "postgres";
    return { name, url: owner.href, superuserUrl: superuser.href };
  };
  const template = urls(NAME);
  await run(`create database ${NAME}`);
  await installPlatform(template.superuserUrl);
  await run(`alter database ${NAME} owner to postgres`);
  await installPgtap(template.superuserUrl);
  await installFromSource(template.url);

  let count = 0;
  let creating: Promise<unknown> = Promise.resolve();
  return {
    clone: async () => {
      count += 1;
      const name = `mutant_${count}`;
      // One at a time: two clones of one template get into each other's way.
      const created = creating.then(() =>
        run(`create database ${name} template ${NAME} owner postgres`),
      );
      creating = created.catch(() => undefined);
      await created;
      return {
        ...urls(name),
        drop: async () => void (await run(`drop database ${name} with (force)`)),
      };
    },
    stop: () => server.stop(),
  };
}

/** One message, in a connection of its own. */
export async function query<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values?: unknown[],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end();
  }
}
