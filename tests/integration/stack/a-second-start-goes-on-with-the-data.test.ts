import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Stack, startStack } from "../../../scripts/local/stack.ts";
import { isAlive, makeDataDir } from "./stack.ts";

const { dataDir, remove } = makeDataDir();
let stack: Stack;

async function start(fresh = false): Promise<Stack> {
  stack = await startStack({ dataDir, fresh, fast: true });
  return stack;
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: stack.databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function insertAndReceive(email: string): Promise<void> {
  await query(`insert into public.leads (email) values ('${email}')`);
  await stack.receiver?.waitUntil(
    () => stack.receiver?.calls.some(({ text }) => text.includes(email)) ?? false,
  );
}

beforeAll(() => start());

afterAll(async () => {
  await stack.stop();
  remove();
});

test("rows are delivered, and the migrations were applied by no superuser", async () => {
  await insertAndReceive("first@example.test");
  expect(
    await query(
      "select proowner::regrole::text as owner from pg_proc where oid = 'crm_sync.tick'::regproc",
    ),
  ).toEqual([{ owner: "postgres" }]);
  expect(await query("select rolsuper from pg_roles where rolname = current_user")).toEqual([
    { rolsuper: false },
  ]);
});

test("a second stack on the same directory is refused while the first runs", async () => {
  await expect(startStack({ dataDir, fast: true })).rejects.toThrow(
    `${dataDir} is in use by another start (process ${process.pid}): stop it with Ctrl-C there.`,
  );
});

test("a port that was asked for and is taken is refused by its name", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as AddressInfo;
  const { dataDir: other, remove: removeOther } = makeDataDir();
  await expect(startStack({ dataDir: other, ports: { receiver: port } })).rejects.toThrow(
    `port ${port} is taken: choose another with --receiver-port, or leave it out`,
  );
  taken.close();
  removeOther();
});

test("stopped, nothing runs; started again, the data is there and deliveries leave", async () => {
  const pids = [stack.postgres?.pid, stack.functionServer.pid].map(Number);
  expect(pids.map(isAlive)).toEqual([true, true]);
  const secret = stack.signingSecret;
  await stack.stop();
  expect(pids.map(isAlive)).toEqual([false, false]);

  await start();
  expect(stack.signingSecret).toBe(secret);
  expect(await query("select email from public.leads")).toEqual([{ email: "first@example.test" }]);
  await insertAndReceive("second@example.test");
});

test("a start on fresh data has none of it, and another secret", async () => {
  const secret = stack.signingSecret;
  await stack.stop();
  await start(true);
  expect(stack.signingSecret).not.toBe(secret);
  expect(await query("select from public.leads")).toEqual([]);
});
