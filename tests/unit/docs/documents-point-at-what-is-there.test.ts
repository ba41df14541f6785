import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";

const DOCUMENTS = [
  ...["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"],
  ...filesIn("docs").filter((file) => file.endsWith(".md")),
];

test.each(DOCUMENTS)("links of %s", (document) => {
  const links = [...read(document).matchAll(/\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)/g)];
  const broken = links
    .map(([, path, anchor]) => ({ path: path ? join(dirname(document), path) : document, anchor }))
    .filter(({ path, anchor }) => !isThere(path, anchor));
  expect(broken).toEqual([]);
});

test("the tests that the threat model names", () => {
  const tests = new Set(filesIn("tests").map((file) => basename(file).replace(/\.test\.\w+$/, "")));
  const rows = read("docs/threat-model.md").matchAll(/^\|[^|]+\|[^|]+\|([^|]*`[^|]+)\|$/gm);
  const named = [...rows].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([\w-]+)`/g)].map(([, name]) => name),
  );
  expect(named.length).toBeGreaterThan(25);
  expect(named.filter((name) => !tests.has(name as string))).toEqual([]);
});

test("commands of the Supabase CLI are the installed one's, and a push names its target", () => {
  for (const file of ["README.md", "scripts/add-to.ts"]) {
    const commands = read(file).matchAll(
      /([^\s`]+) supabase (?:login|link|secrets|functions|db|migration) [^`\n]*/g,
    );
    const typed = [...commands].map(([command]) => command);
    expect(typed.length).toBeGreaterThan(3);
    expect(typed.filter((command) => !command.startsWith("npx "))).toEqual([]);
    const pushes = typed.filter((command) => command.includes("db push"));
    expect(pushes.filter((command) => !command.includes("db push --remote"))).toEqual([]);
  }
});

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((file) =>
    join(folder, file),
  );
}

function isThere(path: string, anchor: string | undefined): boolean {
  if (!existsSync(join(ROOT, path))) return false;
  if (!anchor || !path.endsWith(".md")) return true;
  const anchors = [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
  return anchors.includes(anchor);
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}
