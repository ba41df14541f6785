import { expect, it } from "vitest";
import { openEngine } from "../../support/engine.ts";

it("warns of a table from which nothing is captured any more, because another took its name", async () => {
  const client = await openEngine();
  const warnings: object[] = [];
  client.on("notice", ({ code, message, hint }) => warnings.push({ code, message, hint }));

  await client.query(
    `create table visits (id int primary key, label text);
     select crm_sync.attach('visits', 'lead', '{label}', $$'visit:' || new.id$$);
     alter table visits rename to stays;
     select from crm_sync.reattach();
     alter trigger crm_sync_capture_update on stays rename to by_another_name;
     select from crm_sync.reattach()`,
  );
  expect(warnings).toEqual([]);

  await client.query(
    `create table stays_new (like stays including all);
     alter table stays rename to stays_old;
     alter table stays_new rename to stays;
     select from crm_sync.reattach()`,
  );
  expect(warnings).toEqual(
    ["crm_sync_capture_insert", "crm_sync_capture_update"].map((trigger) => ({
      code: "CS052",
      message: `nothing is captured from public.stays_old any more: its trigger ${trigger} was that of public.stays`,
      hint: "If it is to be captured: select crm_sync.attach('public.stays_old', …);",
    })),
  );
});
