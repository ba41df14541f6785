import { expect, test } from "vitest";
import { type CrashOptions, crash } from "./proof.ts";
import { postmasterStays } from "./server.ts";

/** What the crash took from pg_net is found lost by the first tick and waits for 20 s, as it may have arrived. */
const recovering: Pick<CrashOptions, "recover" | "limitMs"> = {
  recover: ({ server }) => server.start(),
  limitMs: 90_000,
};

test.for([
  ["SIGKILL", "the postmaster is killed"],
  ["SIGQUIT", "the server is stopped as by pg_ctl stop -m immediate"],
] as const)("%s: %s in the middle of a load", async ([signal, name], context) => {
  context.skip(postmasterStays !== null, postmasterStays ?? "");
  const { account } = await crash({
    ...recovering,
    name: `${signal}: ${name}`,
    blow: ({ server }) => server.end(signal),
  });
  // The queue, the answers and the sequence of ids were gone: the ledger noticed each request.
  expect(account.envelopes.lost).toBeGreaterThan(0);
  // Whoever may have the first call is given time to be done with it.
  expect(account.overlaps).toBe(0);
});
