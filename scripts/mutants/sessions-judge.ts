/** Judges by the tests that need two sessions: they install the engine themselves, and then the mutant. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { ROOT } from "../sql-files.ts";
import type { Judge } from "./judges.ts";

/** The parts that we read of what vitest's reporter json writes. */
const report = z.object({
  testResults: z.array(
    z.object({
      message: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

export const sessionsJudge: Judge = {
  name: "sessions",
  timeLimitMs: 120_000,
  isSlow: true,
  judge: async ({ sql, file }) => {
    const folder = await mkdtemp(join(tmpdir(), "crm-sync-mutant-"));
    try {
      const broken = join(folder, "mutant.sql");
      const again = file.startsWith("05_capture/") ? ";\nselect crm_sync.reattach();" : "";
      await writeFile(broken, sql + again);
      const output = join(folder, "report.json");
      await execa("vitest", [...ARGUMENTS, `--outputFile=${output}`], {
        cwd: ROOT,
        preferLocal: true,
        reject: false,
        stdio: "ignore",
        env: { CRM_SYNC_ENGINE_BREAK: broken },
      });
      return redIn(await readFile(output, "utf8"));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

const ARGUMENTS = [
  "run",
  "--project",
  "integration",
  "tests/integration/engine",
  "--reporter=json",
];

function redIn(text: string): string | undefined {
  const { testResults } = report.parse(JSON.parse(text));
  const red = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === "failed");
  return red?.fullName ?? testResults.find(({ message }) => message)?.message;
}
