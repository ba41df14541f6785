import { expect, it } from "vitest";
import { openTwoSessions } from "./two-sessions.ts";

it("a change that was not committed at the first look is found by the second", async () => {
  const { first, second } = await openTwoSessions();
  const horizons = () =>
    second.query(
      "select from crm_sync.unstored_seen where horizon is not null and changed_since is not null",
    );
  const captured = () => second.query("select from crm_sync.deliveries");
  await second.query("alter table leads disable trigger crm_sync_capture_insert");
  await first.query("begin");
  await first.query("insert into leads (email) values ('ada@example.test')");
  // What capture's handler leaves when it can store nothing.
  await second.query("select nextval('crm_sync.unstored_changes')");
  await second.query("select crm_sync.tick()");
  await second.query("select crm_sync.tick()");
  expect((await captured()).rowCount).toBe(0);
  expect((await horizons()).rowCount).toBe(1);
  await first.query("commit");
  await second.query("select crm_sync.tick()");
  expect((await captured()).rowCount).toBe(1);
  expect((await horizons()).rowCount).toBe(0);
});

it("also one of the youngest transaction of all", async () => {
  const { first, second } = await openTwoSessions();
  await second.query("alter table leads disable trigger crm_sync_capture_insert");
  await first.query("begin");
  await first.query("insert into leads (email) values ('ada@example.test')");
  await first.query("select nextval('crm_sync.unstored_changes')");
  for (let tick = 1; tick <= 3; tick += 1) await second.query("select crm_sync.tick()");
  await first.query("commit");
  await second.query("select crm_sync.tick()");
  expect((await second.query("select from crm_sync.deliveries")).rowCount).toBe(1);
});
