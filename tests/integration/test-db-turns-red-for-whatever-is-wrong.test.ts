import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { installPgtap } from "../../scripts/local/platform.ts";
import { type FileReport, runTestFile } from "../../scripts/pgtap.ts";
import { conclude } from "../../scripts/test-db.ts";
import { createTestDatabase } from "../support/database.ts";

let folder: string;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "crm-sync-tap-"));
  const database = await createTestDatabase();
  await installPgtap(database.superuserUrl);
  url = database.postgresUrl;
});

afterAll(() => rm(folder, { recursive: true }));

async function run(sql: string): Promise<FileReport> {
  const path = join(folder, "a.test.sql");
  await writeFile(path, sql);
  return runTestFile(url, path, "a.test.sql");
}

function isGreen(...reports: FileReport[]): boolean {
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const green = conclude(reports);
  log.mockRestore();
  return green;
}

it("is green when what was planned passed", async () => {
  const report = await run(`-- What it shows
    begin;
    create extension if not exists pgtap with schema extensions;
    select plan(3);
    select is(1, 1, 'one is one');
    select throws_ok('select 1 / 0', '22012', null, 'nothing divides by zero');
    select skip('not on this server', 1);
    select * from finish();
    rollback;`);
  expect(report.problems).toEqual([]);
  expect(report.assertions.map(({ name, ok }) => [name, ok])).toEqual([
    ["one is one", true],
    ["nothing divides by zero", true],
    [expect.any(String), true],
  ]);
  expect(report.assertions[2]?.directive).toBe("skip");
  expect(isGreen(report)).toBe(true);
});

it("is red for a failed assertion, and shows what pgTAP says about it", async () => {
  const report = await run(`begin; select plan(2);
    select is(1, 2, 'one is two'); select ok(true, 'goes on');
    select * from finish(); rollback;`);
  expect(report.assertions).toMatchObject([
    { name: "one is two", ok: false },
    { name: "goes on", ok: true },
  ]);
  expect(report.assertions[0]?.diagnostics.join("\n")).toMatch(/have: 1\s+want: 2/);
  expect(isGreen(report)).toBe(false);
});

it.each([
  ["fewer than planned", "select plan(2); select ok(true, 'a'); select * from finish();"],
  [
    "more than planned",
    "select plan(1); select ok(true, 'a'); select ok(true, 'b'); select * from finish();",
  ],
  ["no plan", "select * from no_plan(); select ok(true, 'a');"],
])("is red for a bad plan: %s", async (_, body) => {
  const report = await run(`begin; ${body} rollback;`);
  expect(report.assertions.every(({ ok }) => ok)).toBe(true);
  expect(report.problems).toHaveLength(1);
  expect(isGreen(report)).toBe(false);
});

it("is red for an SQL error, and names its line and what passed before", async () => {
  const report = await run(`begin;
    select plan(1);
    select ok(true, 'before the error');
    select no_such_function();
    select * from finish();
    rollback;`);
  expect(report.assertions.map(({ name }) => name)).toEqual(["before the error"]);
  expect(report.problems[0]).toMatch(
    /^SQL error: line 4: function no_such_function\(\) does not exist \(42883\)/,
  );
  expect(isGreen(report)).toBe(false);
});

it("is red for a file that asserts nothing, and for a run without files", async () => {
  const report = await run("begin; select 1; rollback;");
  expect(report.problems).toContain("asserts nothing");
  expect(isGreen(report)).toBe(false);
  expect(isGreen()).toBe(false);
});

it("is red for a file that would leave something behind", async () => {
  const report = await run("select plan(1); select ok(true, 'a'); select * from finish();");
  expect(report.problems).toEqual(["must begin with begin; and end with rollback;"]);
  expect(isGreen(report)).toBe(false);
});
