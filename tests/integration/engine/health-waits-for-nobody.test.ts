import { expect, it } from "vitest";
import { openTwoSessions } from "./two-sessions.ts";

it("it answers while others hold locks, and says which checks could not look", async () => {
  const { first, second } = await openTwoSessions();
  await first.query("begin");
  await first.query("lock table crm_sync.capture_failures, crm_sync.faults, public.leads");
  // Answered at all: the locks are held until it is.
  const { rows } = await second.query(
    "select check_name, detail, mend from crm_sync.health() where level = 'unknown' order by 1",
  );
  await first.query("rollback");
  const unknown = {
    detail: "could not look (SQLSTATE 55P03)",
    mend: "Another session holds a lock; look again.",
  };
  expect(rows).toEqual([
    { check_name: "capture_failures", ...unknown },
    { check_name: "faults", ...unknown },
    { check_name: "missing_rows", ...unknown },
  ]);
});
