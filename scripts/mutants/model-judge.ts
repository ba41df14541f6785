/** Judges by the model test: random schedules of writes, faults, answers and operators, the same for every mutant. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { runSchedules } from "../../tests/chaos/model/schedules.ts";
import { SIGNING_SECRET } from "../../tests/chaos/world/install.ts";
import { writeVault } from "../local/vault.ts";
import { ROOT } from "../sql-files.ts";
import type { Judge, Subject } from "./judges.ts";
import { query } from "./template.ts";

const SCHEDULES = 60;
const SEED = 20_261_122;

export const modelJudge: Judge = {
  name: "model",
  timeLimitMs: 300_000,
  isSlow: true,
  judge: async (subject) => {
    await enterWorld(subject);
    const { failure } = await runSchedules({
      databases: [subject],
      schedules: SCHEDULES,
      seed: SEED,
    });
    return failure?.split("broke:\n").at(-1)?.split("\n")[0];
  },
};

/** What installWorld adds to an installed engine. */
async function enterWorld({ url, superuserUrl }: Subject): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await writeVault(client, {
      // The test itself plays pg_net: nobody listens there.
      crm_sync_function_url: "http://127.0.0.1:9/crm-sync",
      crm_sync_signing_secret: SIGNING_SECRET,
    });
  } finally {
    await client.end();
  }
  await query(superuserUrl, await readFile(join(ROOT, "tests/chaos/world/audit.sql"), "utf8"));
  await query(superuserUrl, "select chaos.reset()");
}
