import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { crash } from "./proof.ts";

const DOWN_MS = 3_000;

test("SIGKILL: Deno is killed in the middle of its envelopes and comes back after three seconds", async () => {
  const { account } = await crash({
    name: "SIGKILL: Deno in the middle of its envelopes",
    blow: async (world) => {
      await world.killFunction();
      await sleep(DOWN_MS);
      await world.startFunction();
    },
    // Its breaker opens for 30 s, and for 60 s more if a probe comes too early.
    limitMs: 150_000,
  });
  expect(account.envelopes.failed).toBeGreaterThan(0);
  expect(account.repeats).toBeGreaterThan(0);
});
