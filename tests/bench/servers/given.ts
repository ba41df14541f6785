/** A server of yours with the real pg_net, pg_cron and Vault. The engine is installed anew, from the same source as on our own. */
import { installFromSource } from "../../../scripts/migrations.ts";
import { emptyGiven } from "../../integration/end-to-end/backend.ts";
import { requireLoopbackTestServer } from "../../support/test-server.ts";
import type { BenchServer } from "./server.ts";

export async function useGivenServer(givenUrl: string): Promise<BenchServer> {
  const url = requireLoopbackTestServer(givenUrl);
  await emptyGiven(url);
  await installFromSource(url);
  return { url, stop: async () => undefined };
}
