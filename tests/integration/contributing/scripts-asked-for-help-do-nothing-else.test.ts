import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { currentVersion, readReleases } from "../../../scripts/migrations/releases.ts";
import { ROOT } from "../../../scripts/sql-files.ts";
import { asTyped } from "../stack/stack.ts";

const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};
const OURS = Object.values(scripts)
  .filter((command) => command.startsWith("tsx "))
  .map((command) => command.slice("tsx ".length));

/** A script that does not know --help is ended before it has done much. */
const run = (file: string, ...args: string[]) =>
  execa(process.execPath, ["--import", "tsx", join(ROOT, file), ...args], {
    ...asTyped({}),
    timeout: 20_000,
  });

test.each(OURS)("%s --help", async (file) => {
  const { exitCode, stdout } = await run(file, "--help");
  expect(stdout).toMatch(/^Usage: /);
  expect(exitCode).toBe(0);
});

test.skipIf(readReleases().some(({ version }) => version === currentVersion()))(
  "what is not released yet can not be frozen",
  async () => {
    const { exitCode, stderr } = await run("tests/upgrade/freeze.ts");
    expect(stderr).toBe(
      `${currentVersion()} is not released yet: npm run migrations -- --release first`,
    );
    expect(exitCode).toBe(1);
  },
);
