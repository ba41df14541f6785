import { expect, test } from "vitest";
import { functionsIn } from "../../../scripts/mutants/functions.ts";
import { mutantsOf } from "../../../scripts/mutants/mutants.ts";

const namesOf = (body: string) => {
  const [subject] = functionsIn(
    `create function crm_sync.f() returns void language plpgsql as $$\n${body}\n$$;`,
    "06_dispatch/keys",
  );
  return subject ? mutantsOf(subject).map(({ name }) => name.replace("keys.f ", "")) : [];
};

test("each operand of a condition is dropped, and each comparison turned", () => {
  expect(namesOf("begin delete from t where a < 1 and (b is null or c); end;")).toEqual([
    "condition: from t where [a < 1 → true] and (b",
    "condition: < 1 and [(b is null or c) → true] ; end;",
    "condition: 1 and ( [b is null → false] or c)",
    "condition: is null or [c → false] ); end",
    "comparison: t where a [< → >=] 1 and (",
    "comparison: and (b [is → is not] null or c",
    "constant: where a < [1 → 2] and (b",
    "statement: begin [delete from t where a < 1 and (b is null or c); → nothing] end;",
  ]);
});

test("what assigns is no comparison, and neither between nor is distinct from is two conditions", () => {
  expect(
    namesOf("begin update t set a = b where c between d and e and f is distinct from g; end;"),
  ).toEqual([
    "condition: = b where [c between d and e → true] and f is",
    "condition: and e and [f is distinct from g → true] ; end;",
    "comparison: e and f [is → is not] distinct from g",
    expect.stringContaining("statement:"),
  ]);
});

test("a window belongs to its operand", () => {
  expect(namesOf("begin return (select a = 'b' and lead(c) over w = c as d from t); end;")).toEqual(
    expect.arrayContaining(["condition: = 'b' and [lead(c) over w = c → true] as d from"]),
  );
});

test("a branch is never taken, a handler catches nothing", () => {
  expect(
    namesOf("begin if a then b := 1; end if; exception when others then return; end;"),
  ).toEqual([
    "condition: begin if [a → true] then b :=",
    "constant: then b := [1 → 2] ; end if",
    "branch: begin if [a → false] then b :=",
    "handler: ; exception when [others → sqlstate 'CS999'] then return;",
  ]);
});

test("locks are not taken, or waited for", () => {
  expect(
    namesOf("begin return (select a from t for no key update of t skip locked); end;"),
  ).toEqual([
    "lock: a from t [for no key update of t skip locked → nothing] ); end",
    "lock: update of t [skip locked → nothing] ); end",
  ]);
});

test("order, distinct, coalesce and durations", () => {
  expect(
    namesOf(
      "begin return (select distinct coalesce(a, b) from t where c > interval '5 minutes' order by a desc, b); end;",
    ).filter((name) => /^(order|distinct|coalesce|constant)/.test(name)),
  ).toEqual([
    "constant: c > interval ['5 minutes' → '10 minutes'] order by a",
    "coalesce: (select distinct [coalesce(a, b) → (a)] from t where",
    "order: order by a [desc → nothing] , b)",
    "order: desc, b [ → desc] ); end",
    "distinct: return (select [distinct → nothing] coalesce(a",
  ]);
});

test("a template for format() keeps its placeholders", () => {
  const [subject] = functionsIn(
    "create function crm_sync.g() returns text language plpgsql as $$ begin return format($sql$select from t where %s and a$sql$, x); end; $$;",
    "05_capture/fired",
  );
  const conditions = subject ? mutantsOf(subject).filter(({ kind }) => kind === "condition") : [];
  expect(conditions.map(({ sql }) => /\$sql\$(.*)\$sql\$/.exec(sql)?.[1])).toEqual([
    "select from t where (true or (%s)) and a",
    "select from t where %s and (true or (a))",
  ]);
});
