import { expect, test } from "vitest";
import { isDealtWith } from "../../../scripts/migrations/generate.ts";
import { repeatable, statementsOf } from "../../../scripts/migrations/statements.ts";

const FUNCTION = `-- What it is for; not a statement.
create function crm_sync.twice(p_text text, p_count int)
returns text
language sql
as $$ select 'a; b' || p_text $$`;

test("a text is taken apart where Postgres would, comments belong to what they stand above", () => {
  const [first, second, ...more] = statementsOf(
    `${FUNCTION};\n\n-- é, two bytes\ncomment on table crm_sync.t is 'x;y';\n`,
  );
  expect(more).toEqual([]);
  expect(first?.source).toBe(FUNCTION);
  expect(first?.text).toBe(FUNCTION.slice(FUNCTION.indexOf("create")));
  expect(first?.object).toBe("create function crm_sync.twice(p_text text, p_count int)");
  expect(second).toEqual({
    source: "-- é, two bytes\ncomment on table crm_sync.t is 'x;y'",
    text: "comment on table crm_sync.t is 'x;y'",
    object: "comment on table crm_sync.t",
  });
});

test("what replaces does the same as what creates", () => {
  const [created, replaced] = statementsOf(
    "create view crm_sync.v as select 1; create or replace view crm_sync.v as select 1",
  );
  expect(replaced?.text).toBe(created?.text);
});

test.each([
  ["a function", FUNCTION, FUNCTION.replace("create function", "create or replace function")],
  ["a view", "create view crm_sync.v as select 1", "create or replace view crm_sync.v as select 1"],
  ["a grant", "grant select on crm_sync.v to crm_sync_reader", null],
  ["a comment", "comment on view crm_sync.v is 'one'", null],
  ["a route", "select crm_sync.define_route('lead', 'state', 'monelec')", null],
  ["row level security", "alter table crm_sync.t enable row level security", null],
])("%s may be said again", (_, sql, expected) => {
  const [statement] = statementsOf(sql);
  expect(statement && repeatable(statement, false)).toBe(expected ?? sql);
});

test.each([
  ["a table", "create table crm_sync.t (id int)"],
  ["an index", "create index t_idx on crm_sync.t (id)"],
  [
    "a trigger",
    "create trigger t after insert on crm_sync.t for each row execute function crm_sync.f()",
  ],
])("%s only where it is new", (_, sql) => {
  const [statement] = statementsOf(sql);
  expect(statement && repeatable(statement, false)).toBeNull();
  expect(statement && repeatable(statement, true)).toBe(sql);
});

test.each([
  ["rows", "insert into crm_sync.settings default values"],
  ["a column", "alter table crm_sync.t add column more text"],
])("%s never, whatever is new", (_, sql) => {
  const [statement] = statementsOf(sql);
  expect(statement && repeatable(statement, true)).toBeNull();
});

test.each([
  ["nothing is written by hand", null, false],
  ["what is written speaks of others", "drop table crm_sync.old;", false],
  ["a comment names it", "-- instead of: create table crm_sync.t (\nalter table …;", true],
])("what may not be said again is left to a person: %s", (_, written, expected) => {
  const [statement] = statementsOf("create table crm_sync.t (\n    id int\n)");
  expect(statement && isDealtWith(statement, written)).toBe(expected);
});
