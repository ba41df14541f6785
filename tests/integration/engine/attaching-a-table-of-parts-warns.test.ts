import { expect, it } from "vitest";
import { openEngine } from "../../support/engine.ts";

it("warns that what is written straight into a partition or a child is not captured", async () => {
  const client = await openEngine();
  const warnings: object[] = [];
  client.on("notice", ({ code, message, hint }) => warnings.push({ code, message, hint }));

  await client.query(
    `create table whole (id int primary key, label text);
     create table visits (id int primary key, label text) partition by range (id);
     create table stays (id int primary key, label text);
     create table long_stays (primary key (id)) inherits (stays);
     select crm_sync.attach('whole', 'lead', '{label}', $$'whole:' || new.id$$);
     select crm_sync.attach('long_stays', 'lead', '{label}', $$'stay:' || new.id$$);
     select from crm_sync.reattach()`,
  );
  expect(warnings).toEqual([]);

  await client.query(
    `select crm_sync.attach('visits', 'lead', '{label}', $$'visit:' || new.id$$);
     select crm_sync.attach_related('stays', 'lead', 'visits', '{label}', 'select new.id::text')`,
  );
  expect(warnings).toEqual([
    {
      code: "CS054",
      message:
        "public.visits has partitions: what is written straight into one of them is not captured",
      hint: "Write to public.visits itself. Other rows find_missing() finds, by updated_at or created_at, and repair_missing() sends.",
    },
    {
      code: "CS054",
      message:
        "public.stays has children: what is written straight into one of them is not captured",
      hint: "Write to public.stays itself.",
    },
  ]);
});
