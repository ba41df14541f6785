import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { crash } from "./proof.ts";

const DOWN_MS = 3_000;

/** Longer than pg_net waits for an answer (20 s). */
const FROZEN_MS = 25_000;

/** Its breaker opens for 30 s, and for 60 s more if a probe comes too early. */
const LIMIT_MS = 150_000;

test("SIGKILL: Deno is killed in the middle of its envelopes and comes back after three seconds", async () => {
  const { account } = await crash({
    name: "SIGKILL: Deno in the middle of its envelopes",
    blow: async (world) => {
      await world.killFunction();
      await sleep(DOWN_MS);
      await world.startFunction();
    },
    limitMs: LIMIT_MS,
  });
  expect(account.envelopes.failed).toBeGreaterThan(0);
  expect(account.repeats).toBeGreaterThan(0);
});

test("SIGSTOP: Deno freezes in the middle of its envelopes, and goes on when pg_net has given them up", async () => {
  const { account } = await crash({
    name: "SIGSTOP: Deno in the middle of its envelopes",
    blow: async (world) => {
      const { pid } = world.functionServer();
      process.kill(pid, "SIGSTOP");
      await sleep(FROZEN_MS).finally(() => process.kill(pid, "SIGCONT"));
    },
    limitMs: LIMIT_MS,
  });
  expect(account.envelopes.failed).toBeGreaterThan(0);
});
