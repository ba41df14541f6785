import { expect, onTestFinished, test } from "vitest";
import { startNetWorker } from "../../../scripts/local/net-worker.ts";
import { startStack } from "../../../scripts/local/stack.ts";
import { pushMigrations } from "../../../scripts/supabase-cli.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { createTestDatabase } from "../../support/database.ts";
import { makeDataDir, script, until } from "./stack.ts";

/** Somebody's: crm-sync is installed, and its Vault is not set up yet. */
const installed = () =>
  createTestDatabase({
    name: "installed",
    build: ({ postgresUrl }) => pushMigrations(postgresUrl),
  });

const query = async (url: string, sql: string) =>
  (await withClient(url, (client) => client.query(sql))).rows;

const vaultOf = (url: string) =>
  query(
    url,
    "select name, decrypted_secret as secret, description from vault.decrypted_secrets order by name",
  );

/** Node knows it as no name of this machine, and reaches it all the same. */
function asElsewhere(url: string): string {
  const elsewhere = new URL(url);
  elsewhere.hostname = "0.0.0.0";
  return elsewhere.href;
}

function dataDirForTest(): string {
  const { dataDir, remove } = makeDataDir();
  onTestFinished(remove);
  return dataDir;
}

test("deliveries that wait for no start of ours are not sent to the stand-in", async () => {
  const { postgresUrl } = await installed();
  await query(postgresUrl, "insert into leads (email) values ('ada@example.test')");
  await expect(
    startStack({ dataDir: dataDirForTest(), databaseUrl: postgresUrl, fast: true }),
  ).rejects.toThrow("1 delivery waits in this database, and no npm start has run there");
  expect(await vaultOf(postgresUrl)).toEqual([]);
});

test("a server elsewhere is asked for: without a terminal --yes agrees, but never to what waits", async () => {
  const { postgresUrl, superuserUrl } = await installed();
  const start = (...args: string[]) =>
    script("start.ts", ["--data-dir", dataDirForTest(), ...args], {
      DATABASE_URL: asElsewhere(postgresUrl),
    });
  const asked = await start();
  expect(asked.exitCode).toBe(1);
  expect(asked.stdout).toContain(
    `names database ${new URL(postgresUrl).pathname.slice(1)} on 0.0.0.0`,
  );
  expect(asked.stderr).toContain("nothing was started. --yes agrees");
  expect(await vaultOf(postgresUrl)).toEqual([]);

  const netWorker = startNetWorker({ url: superuserUrl });
  onTestFinished(() => netWorker.stop());
  await netWorker.ready;
  const agreed = start("--yes");
  let output = "";
  agreed.all.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await until(() => output.includes("receiver  ms") || agreed.exitCode !== null, "npm start");
  agreed.kill("SIGINT");
  expect((await agreed).exitCode).toBe(0);

  await query(postgresUrl, "delete from vault.secrets");
  await query(postgresUrl, "insert into leads (email) values ('ada@example.test')");
  expect((await start("--yes")).stderr).toContain("1 delivery waits in this database");
});

test.each([
  ["no secret", []],
  [
    "an earlier start's",
    [
      { name: "crm_sync_function_url", secret: "http://192.0.2.1/" },
      { name: "crm_sync_signing_secret", secret: "obviously fake" },
    ],
  ],
])("a start that fails at its end leaves Vault as it was: %s", async (_, secrets) => {
  const { postgresUrl, superuserUrl } = await installed();
  const netWorker = startNetWorker({ url: superuserUrl });
  onTestFinished(() => netWorker.stop());
  await netWorker.ready;
  for (const { name, secret } of secrets) {
    await withClient(postgresUrl, (client) =>
      client.query("select vault.create_secret($1, $2, 'written by npm start')", [secret, name]),
    );
  }
  const before = await vaultOf(postgresUrl);
  const stopping = new AbortController();
  const started = startStack({
    dataDir: dataDirForTest(),
    databaseUrl: postgresUrl,
    fast: true,
    signal: stopping.signal,
    onProgress: (step) => {
      if (step === "Data API") stopping.abort(new Error("asked to stop"));
    },
  });
  await expect(started).rejects.toThrow("asked to stop");
  expect(await vaultOf(postgresUrl)).toEqual(before);
});
