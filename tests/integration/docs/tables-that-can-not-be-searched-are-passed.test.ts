import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { openRehearsal, run } from "./rehearse.ts";

const SNIPPET = readFileSync(
  join(ROOT, "supabase/snippets/which-rows-were-never-sent.sql"),
  "utf8",
);
const RUNBOOK = readFileSync(join(ROOT, "docs/runbook.md"), "utf8");
const RESTORE = RUNBOOK.match(
  /^## Restore from backup$.*?^```sql\n(select tables\.table_name.*?)\n```/ms,
);

it.each([
  ["the snippet", SNIPPET],
  ["the runbook", RESTORE?.[1] ?? ""],
])(
  "%s finds what is missing beside a table without a time and one that is gone",
  async (_, sql) => {
    const client = await openRehearsal("some_deliveries");
    await client.query(`
    create table public.a_timeless (id int primary key, day date, updated_at date, body text);
    select crm_sync.attach('public.a_timeless', 'lead', '{body}', $$'timeless:' || new.id$$);
    create table public.b_gone (id int primary key, created_at timestamptz, body text);
    select crm_sync.attach('public.b_gone', 'lead', '{body}', $$'gone:' || new.id$$);
    drop table public.b_gone;
    delete from crm_sync.deliveries where route = 'order_confirmation'`);
    const [answer] = await run(client, sql);
    const order = "50000000-0000-4000-8000-000000000001";
    expect(answer?.rows).toEqual([["public.orders", "order_confirmation", order, "no delivery"]]);
  },
);
