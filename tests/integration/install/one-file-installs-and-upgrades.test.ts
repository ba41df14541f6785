import pg from "pg";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { diffCatalogs, readCatalog } from "../../../scripts/catalog.ts";
import { startTemporaryPostgres } from "../../../scripts/local/postgres.ts";
import { currentVersion, readReleases } from "../../../scripts/migrations/releases.ts";
import { installFromSource } from "../../../scripts/migrations.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { createTestDatabase } from "../../support/database.ts";
import { pushRelease } from "../../upgrade/fixture.ts";
import { script } from "../stack/stack.ts";

let file: string;

beforeAll(async () => {
  const { stdout, exitCode } = await script("migrations.ts", ["--one-file", "--next"]);
  expect(exitCode).toBe(0);
  file = stdout;
});

it("what the migrations install, and a second time nothing", async () => {
  const { client, notices } = await open();
  await client.query(file);
  const once = await catalogOf(client);
  expect(diffCatalogs(await fromSource(), once)).toEqual([]);
  await client.query(file);
  expect(diffCatalogs(once, await catalogOf(client))).toEqual([]);
  expect(notices.filter((notice) => notice.startsWith("crm-sync: "))).toEqual([
    `crm-sync: none is installed, this is ${currentVersion()}`,
    `crm-sync: ${currentVersion()} is installed, this is ${currentVersion()}`,
  ]);
});

it.each(readReleases().map(({ version }) => version))(
  "over %s it is an upgrade",
  async (version) => {
    const { client, url } = await open();
    await pushRelease(url, version);
    await client.query("insert into leads (email) values ('ada@example.test')");
    await client.query(file);
    const { rows } = await client.query(
      "select crm_sync.version(), (select count(*)::int from crm_sync.deliveries) as captured",
    );
    expect(rows).toEqual([{ version: currentVersion(), captured: 1 }]);
  },
);

it("all of it or nothing, and never over a schema of somebody else's", async () => {
  const { client } = await open();
  await client.query("create schema crm_sync; create table crm_sync.theirs ()");
  await expect(client.query(file)).rejects.toMatchObject({
    code: "42P06",
    message: "there is a schema crm_sync, and it is none of ours",
  });
});

it("a Postgres with no role, extension or schema of Supabase's takes it, and start() says what it lacks", async () => {
  const server = await startTemporaryPostgres();
  onTestFinished(() => server.stop());
  await withClient(server.url, async (client) => {
    await client.query(file);
    await expect(client.query("select crm_sync.start()")).rejects.toMatchObject({
      code: "CS012",
      message: expect.stringMatching(/^crm-sync can not start without .*pg_net/),
    });
    await client.query("create table public.leads (id int primary key, email text)");
    await client.query(
      "select crm_sync.attach('public.leads', 'lead', array['email'], $$'lead:' || new.id$$)",
    );
    await client.query("insert into public.leads values (1, 'ada@example.test')");
    const { rows } = await client.query("select row_id, status from crm_sync.delivery_log");
    expect(rows).toEqual([{ row_id: "1", status: "pending" }]);
  });
});

async function open(): Promise<{ client: pg.Client; url: string; notices: string[] }> {
  const { postgresUrl: url } = await createTestDatabase();
  const client = new pg.Client({ connectionString: url });
  const notices: string[] = [];
  client.on("notice", ({ message }) => notices.push(message ?? ""));
  await client.connect();
  onTestFinished(() => client.end());
  return { client, url, notices };
}

async function fromSource(): Promise<string[]> {
  const { client, url } = await open();
  await installFromSource(url, ["crm_sync"]);
  return catalogOf(client);
}

function catalogOf(client: pg.Client): Promise<string[]> {
  return readCatalog(client, ["crm_sync", "public"]);
}
