import { networkInterfaces } from "node:os";
import { expect, onTestFinished, test } from "vitest";
import { startFunction } from "../../../scripts/local/function-server.ts";
import { startNetWorker } from "../../../scripts/local/net-worker.ts";
import { startStack } from "../../../scripts/local/stack.ts";
import { createTestDatabase } from "../../support/database.ts";
import { makeDataDir } from "./stack.ts";

/** An address of this machine at which nobody answers who listens on 127.0.0.1 alone. */
const OURS =
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.2";

const get = async (url: string, host: string) => {
  const named = new URL(url);
  named.hostname = host;
  return (await fetch(named)).status;
};

test("by the name of this machine that --function-host gives, as a container's database would", async () => {
  const { postgresUrl, superuserUrl } = await createTestDatabase();
  const netWorker = startNetWorker({ url: superuserUrl });
  onTestFinished(() => netWorker.stop());
  await netWorker.ready;
  const { dataDir, remove } = makeDataDir();
  onTestFinished(remove);
  const stack = await startStack({
    dataDir,
    databaseUrl: postgresUrl,
    functionHost: OURS,
    fast: true,
  });
  onTestFinished(() => stack.stop());
  expect(new URL(stack.functionUrl).hostname).toBe(OURS);
  expect(await get(stack.functionUrl, "127.0.0.1")).toBe(405);
});

test("unasked nobody else reaches it", async () => {
  const { url, stop } = await startFunction({ env: {} });
  onTestFinished(stop);
  expect(await get(url, "127.0.0.1")).toBe(405);
  await expect(get(url, OURS)).rejects.toThrow("fetch failed");
});
