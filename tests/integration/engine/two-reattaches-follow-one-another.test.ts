import { expect, it } from "vitest";
import { openTwoSessions } from "./two-sessions.ts";

it("the second waits for the first, and makes the functions anew after it", async () => {
  const { first, second } = await openTwoSessions();
  await first.query("begin");
  await first.query("select crm_sync.reattach()");
  const reattached = second.query("select crm_sync.reattach()").then(
    ({ rowCount }) => `${rowCount} tables`,
    (error: Error) => error.message,
  );
  const waits = "select from pg_locks where not granted";
  await expect.poll(async () => (await first.query(waits)).rowCount).toBe(1);
  await first.query("commit");
  expect(await reattached).toBe("5 tables");
});
