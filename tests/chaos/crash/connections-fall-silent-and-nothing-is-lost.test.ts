import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Crashed, crash } from "./proof.ts";
import type { SilentProxy } from "./silent-proxy.ts";

interface Hop {
  name: string;
  proxy: "beforeFunction" | "beforeReceiver";
  /** Longer than the caller waits for an answer. */
  silentMs: number;
}

/** The breaker opens for 30 s, and a probe that meets the silence doubles that. */
const LIMIT_MS = 150_000;

async function crashBySilence({
  name,
  proxy,
  silentMs,
}: Hop): Promise<Crashed & { silenced: SilentProxy["silenced"] }> {
  let silenced = { live: 0, accepted: 0 };
  const crashed = await crash({
    name: `silence of ${silentMs / 1_000} s between ${name}`,
    blow: async (world) => {
      world[proxy].fallSilent();
      await sleep(silentMs);
      world[proxy].heal();
      silenced = world[proxy].silenced;
    },
    limitMs: LIMIT_MS,
  });
  console.log(
    `  connections: ${silenced.live} were live when it fell silent, ${silenced.accepted} accepted during the silence`,
  );
  expect(silenced.live).toBeGreaterThan(0);
  return { ...crashed, silenced };
}

test("between pg_net and the function: pg_net gives up after 20 s, and what was held arrives late", async () => {
  const { account } = await crashBySilence({
    name: "pg_net and the function",
    proxy: "beforeFunction",
    silentMs: 25_000,
  });
  expect(account.envelopes.failed).toBeGreaterThan(0);
});

test("between the function and the receivers: each call gives up after 8 s, and what was held arrives late", async () => {
  const { account } = await crashBySilence({
    name: "the function and the receivers",
    proxy: "beforeReceiver",
    silentMs: 20_000,
  });
  // The function itself answered all the time.
  expect(account.envelopes.failed).toBeUndefined();
});
