import { expect, test } from "vitest";
import { type Crashed, type CrashOptions, crash } from "./proof.ts";
import { postmasterStays } from "./server.ts";
import { untilUnderWay } from "./strike.ts";

/** What the crash took from pg_net is found lost by the first tick and waits for 20 s, as it may have arrived. */
const recovering: Pick<CrashOptions, "recover" | "limitMs"> = {
  recover: ({ server }) => server.start(),
  limitMs: 90_000,
};

/** The queue, the answers and the sequence of ids were gone, and the ledger noticed each request that had been in flight. */
function expectAllNoticed({ account }: Crashed): void {
  const { answered = 0, ...unanswered } = account.envelopes;
  // Lost; or failed, where another request had been given its id and answered by then.
  const { lost = 0, failed = 0, ...others } = unanswered;
  expect(others).toEqual({});
  expect(answered).toBeGreaterThan(0);
  expect(lost + failed).toBeGreaterThan(0);
  // Whoever may have the first call was given time to be done with it.
  expect(account.overlaps).toBe(0);
}

test.for([
  ["SIGKILL", "the postmaster is killed"],
  ["SIGQUIT", "the server is stopped as by pg_ctl stop -m immediate"],
] as const)("%s: %s in the middle of a load", async ([signal, name], context) => {
  context.skip(postmasterStays !== null, postmasterStays ?? "");
  const crashed = await crash({
    ...recovering,
    name: `${signal}: ${name}`,
    blow: ({ server }) => server.end(signal),
  });
  expectAllNoticed(crashed);
});

test("SIGKILL three times, each time as soon as something is under way again", async (context) => {
  context.skip(postmasterStays !== null, postmasterStays ?? "");
  const { account } = await crash({
    ...recovering,
    name: "SIGKILL: the postmaster is killed three times",
    blow: async (world, load) => {
      for (let again = 2; again > 0; again -= 1) {
        await world.server.end("SIGKILL");
        await world.server.start();
        await untilUnderWay(world, load);
      }
      await world.server.end("SIGKILL");
    },
  });
  expect(account.overlaps).toBe(0);
});

test("SIGQUIT, and then others' requests are given the ids of ours and answered", async (context) => {
  context.skip(postmasterStays !== null, postmasterStays ?? "");
  const crashed = await crash({
    name: "SIGQUIT: then 200 requests of others",
    limitMs: 120_000,
    blow: ({ server }) => server.end("SIGQUIT"),
    recover: async ({ server, receiver, query }) => {
      await server.start();
      // Answered 200, and none of the receivers' business.
      await query("select net.http_get($1) from generate_series(1, 200)", [
        `${receiver.url}/__control/faults`,
      ]);
    },
  });
  expectAllNoticed(crashed);
});
