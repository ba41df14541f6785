import { expect, test } from "vitest";
import { crash } from "./proof.ts";
import { onRealPgNet } from "./server.ts";

test("SIGTERM: the worker ends its batch first, and nothing is sent twice", async () => {
  const { account } = await crash({
    name: "SIGTERM: pg_net's worker in the middle of a batch",
    blow: ({ server }) => server.terminateNetWorker(),
    limitMs: 60_000,
  });
  expect(account.repeats).toBe(0);
  expect(account.overlaps).toBe(0);
  expect(Object.keys(account.envelopes)).toEqual(["answered"]);
});

test.skipIf(!onRealPgNet)(
  "SIGKILL: every process of the server is restarted (CRM_SYNC_TEST_DATABASE_URL: only the real worker is a process of its server)",
  async () => {
    const { account } = await crash({
      name: "SIGKILL: pg_net's worker in the middle of a batch",
      blow: ({ server }) => server.killNetWorker?.() ?? Promise.reject(new Error("no such worker")),
      limitMs: 90_000,
    });
    expect(account.envelopes.lost).toBeGreaterThan(0);
    expect(account.overlaps).toBe(0);
  },
);

test.skipIf(onRealPgNet)(
  "an error of the worker: its batch is rolled back and sent again (stand-in only: the real one cannot be made to fail so late)",
  async () => {
    const { account } = await crash({
      name: "error: pg_net's worker in the middle of a batch",
      blow: ({ server }) => server.dropBatch?.() ?? Promise.reject(new Error("no such worker")),
      limitMs: 60_000,
    });
    // The whole batch is still in the queue: pg_net itself repeats it, under the same keys.
    expect(account.repeats).toBeGreaterThan(0);
    expect(Object.keys(account.envelopes)).toEqual(["answered"]);
  },
);
