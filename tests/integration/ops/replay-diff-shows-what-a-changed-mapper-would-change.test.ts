import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { LEAD_2, leadRecord, oneDeadOneWaiting, openOps, runOpsAsTyped } from "./ops.ts";

const FUNCTION = "supabase/functions/crm-sync";
const MAPPER = `${FUNCTION}/mappers/lead.ts`;

let ops: Awaited<ReturnType<typeof openOps>>;
let git: Awaited<ReturnType<typeof gitAside>>;
let first: number;

beforeAll(async () => {
  ops = await openOps();
  first = await oneDeadOneWaiting(ops.db);
  await ops.db.query(
    "update crm_sync.deliveries set record = $1, claimed_at = now() where row_id = $2",
    [{ ...leadRecord(LEAD_2, "eva@example.test"), connection_type: "definitif" }, LEAD_2],
  );
  git = await gitAside();
});

afterAll(async () => {
  git?.remove();
  await ops?.close();
});

/** Commits that stand in no repository: objects and index lie in a folder of their own. */
async function gitAside() {
  const folder = mkdtempSync(join(tmpdir(), "crm-sync-git-"));
  const { stdout: objects } = await execa("git", ["rev-parse", "--git-path", "objects"], {
    cwd: ROOT,
  });
  const author = { GIT_AUTHOR_NAME: "test", GIT_AUTHOR_EMAIL: "test@example.test" };
  const env = {
    GIT_INDEX_FILE: join(folder, "index"),
    GIT_OBJECT_DIRECTORY: join(folder, "objects"),
    GIT_ALTERNATE_OBJECT_DIRECTORIES: join(ROOT, objects),
    ...author,
    ...{ GIT_COMMITTER_NAME: "test", GIT_COMMITTER_EMAIL: "test@example.test" },
  };
  mkdirSync(env.GIT_OBJECT_DIRECTORY);
  const run = async (args: string[], input = "") =>
    (await execa("git", args, { cwd: ROOT, env, input })).stdout;
  return {
    env,
    /** The working tree's function, with another lead mapper. */
    async commit(mapper: string): Promise<string> {
      await run(["add", "--", FUNCTION]);
      const blob = await run(["hash-object", "-w", "--stdin"], mapper);
      await run(["update-index", "--cacheinfo", `100644,${blob},${MAPPER}`]);
      return run(["commit-tree", await run(["write-tree"]), "-m", "another mapper"]);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const replayDiff = (...args: string[]) =>
  runOpsAsTyped(["replay-diff", ...args], { DATABASE_URL: ops.databaseUrl, ...git.env });

const mapper = readFileSync(join(ROOT, MAPPER), "utf8");

test("the same mappers make the same payloads", async () => {
  const same = await git.commit(mapper);
  expect(await replayDiff("--against", same)).toEqual({
    stdout: `2 records compared with ${same}: none differs`,
    ...{ stderr: "", exitCode: 0 },
  });
});

test("where no record is kept, nothing was compared: that is no good news", async () => {
  const same = await git.commit(mapper);
  expect(await replayDiff("--against", same, "--route", "request")).toEqual({
    stdout: `nothing was compared with ${same}: no record is kept`,
    ...{ stderr: "", exitCode: 1 },
  });
});

test("another one is told field by field, masked unless asked for", async () => {
  const other = await git.commit(
    mapper
      .replace('"non-specifie"', '"unknown-yet"')
      .replace(
        "email: textOrNull(lead.email)",
        'email: textOrNull((lead.email ?? "").toUpperCase())',
      ),
  );
  const { exitCode, stdout } = await replayDiff("--against", other);
  expect(stdout.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([
    ["route", "field", "change", "deliveries", "e.g.", "before", "after"],
    ["lead", "email", "changed", "2", `${first + 1}`, '"xxx@xxxxxxx.xxxx"', '"xxx@xxxxxxx.xxxx"'],
    ["lead", "serviceType", "changed", "1", `${first}`, '"unknown-yet"', '"non-specifie"'],
    [`2 records compared with ${other}: 2 would differ; --show-values shows the values`],
  ]);
  expect(exitCode).toBe(1);
  const shown = await replayDiff("--against", other, "--show-values", "--json", "--last", "1");
  expect(JSON.parse(shown.stdout)).toEqual({
    against: other,
    compared: 1,
    changes: [
      {
        ...{ delivery_id: first + 1, route: "lead", field: "email" },
        ...{ before: '"EVA@EXAMPLE.TEST"', after: '"eva@example.test"' },
      },
    ],
  });
});

test("nothing is sent, and the ledger stays as it is", async () => {
  const { rows } = await ops.db.query(
    "select (select count(*)::int from net.http_request_queue) as queued, (select count(*)::int from crm_sync.operations) as operations",
  );
  expect(rows).toEqual([{ queued: 0, operations: 0 }]);
});

test("a revision that git does not know, and one whose mappers can not be loaded", async () => {
  const unknown = await replayDiff("--against", "--nope");
  expect(unknown.stderr).toContain('git knows no revision "--nope"');
  expect(unknown.exitCode).toBe(2);
  const broken = await replayDiff("--against", await git.commit("export const nothing = ;"));
  expect(broken.stderr).toMatch(/^the mappers of revision [0-9a-f]{40} can not be loaded: /);
  expect(broken.exitCode).toBe(1);
});
