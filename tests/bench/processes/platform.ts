/** The stand-ins of pg_net's and pg_cron's background workers: a process beside the server, as the originals are. */
import { startCronRunner } from "../../../scripts/local/cron-runner.ts";
import { startNetWorker } from "../../../scripts/local/net-worker.ts";
import { serve } from "./child.ts";

await serve(async ({ url }: { url: string }) => {
  const netWorker = startNetWorker({ url });
  const cronRunner = startCronRunner({ url });
  await Promise.all([netWorker.ready, cronRunner.ready]);
  return { stop: () => Promise.all([netWorker.stop(), cronRunner.stop()]) };
});
