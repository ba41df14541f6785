import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";

const { devDependencies, dependencies = {} } = read("package.json") as {
  devDependencies: Record<string, string>;
  dependencies?: Record<string, string>;
};
const ALL = Object.entries({ ...dependencies, ...devDependencies });

const told = [
  ...readFileSync(join(ROOT, "docs/dependencies.md"), "utf8").matchAll(
    /^\| (`.*?) \|.*\| (.*) \|$/gm,
  ),
].flatMap(([, names = "", licence]) =>
  [...names.matchAll(/`(.*?)`/g)].map(([, name]) => [name as string, licence as string]),
);

test("no more and no less", () => {
  expect(told.map(([name]) => name).sort()).toEqual(ALL.map(([name]) => name).sort());
});

test.each(told)("%s is %s", (name, licence) => {
  expect(read(`node_modules/${name}/package.json`).license).toBe(licence);
});

test.each(ALL)("%s %s is exact", (_, version) => {
  expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
});

function read(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8"));
}
