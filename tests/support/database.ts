/**
 * Databases for tests. The first call in a test file starts one throw-away server; each call clones a template in some
 * 50 ms, so that every test can have a database of its own. The server goes when the file's tests have ended.
 */
import pg from "pg";
import { afterAll } from "vitest";
import { installPlatform } from "../../scripts/local/platform.ts";
import { type RunningPostgres, startTemporaryPostgres } from "../../scripts/local/postgres.ts";

export interface TestDatabase {
  name: string;
  /** As postgres, who owns the database and is no superuser, as on a hosted project. Use this one. */
  postgresUrl: string;
  /** As supabase_admin: for what the platform itself does, e.g. startNetWorker. */
  superuserUrl: string;
}

/** What a clone starts from, built once per file. */
export interface Template {
  name: string;
  /** Runs on a database with the platform; must close its connections. */
  build: (database: TestDatabase) => Promise<void>;
}

let server: Promise<RunningPostgres> | undefined;
const templates = new Map<string, Promise<void>>();
let clones = 0;

const PLATFORM = "platform";

/**
 * A new database with the stand-ins of the platform, or with what `template` built on top of them.
 * A worker and a cron runner may serve it; other tests' databases do not notice.
 */
export async function createTestDatabase(template?: Template): Promise<TestDatabase> {
  const { url } = await startTestServer();
  await once(PLATFORM, async () => {
    await create(url, PLATFORM, "template1");
    await installPlatform(urlsOf(url, PLATFORM).superuserUrl);
  });
  const source = template?.name ?? PLATFORM;
  if (template) {
    await once(template.name, async () => {
      await create(url, template.name, PLATFORM);
      await template.build(urlsOf(url, template.name));
    });
  }
  clones += 1;
  const name = `${source}_${clones}`;
  await create(url, name, source);
  return urlsOf(url, name);
}

/** The file's server itself, e.g. for its log or pid. */
export function startTestServer(): Promise<RunningPostgres> {
  server ??= startTemporaryPostgres();
  return server;
}

afterAll(async () => {
  await (await server)?.stop();
  server = undefined;
  templates.clear();
});

function once(name: string, build: () => Promise<void>): Promise<void> {
  const built = templates.get(name) ?? build();
  templates.set(name, built);
  return built;
}

let creating: Promise<unknown> = Promise.resolve();

/** One at a time: two clones of one template get into each other's way. */
function create(url: string, name: string, template: string): Promise<void> {
  const created = creating.then(async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const [database, source] = [name, template].map(pg.escapeIdentifier);
      await client.query(`create database ${database} template ${source}`);
      if (template !== "template1") {
        await client.query(`alter database ${database} owner to postgres`);
      }
    } finally {
      await client.end();
    }
  });
  creating = created.catch(() => undefined);
  return created;
}

function urlsOf(serverUrl: string, name: string): TestDatabase {
  const superuser = new URL(serverUrl);
  superuser.pathname = `/${name}`;
  const owner = new URL(superuser);
  owner.username = "postgres";
  return { name, superuserUrl: superuser.href, postgresUrl: owner.href };
}
