import type pg from "pg";
import { expect, it } from "vitest";
import { insertLeads, openTwoSessions, tick } from "./two-sessions.ts";

it("claims nothing that another session claimed while the lock was being taken", async () => {
  const { first, second } = await openTwoSessions();
  await haltBeforeKeyLocks(first);
  await insertLeads(first, "ada@example.test");

  await first.query("select pg_advisory_lock(1)");
  const ticked = tick(second);
  await untilHalted(first);
  // The other session's tick has named its keys. A commit on the same key comes first.
  await first.query("update leads set phone = '06'");
  await first.query("select pg_advisory_unlock(1)");
  await ticked;

  const { rows } = await first.query("select delivery_count from crm_sync.envelopes");
  expect(rows).toEqual([{ delivery_count: 1 }]);
});

/** Whoever is about to take the locks of keys first waits for the advisory lock 1; who holds that does not wait. */
async function haltBeforeKeyLocks(client: pg.Client): Promise<void> {
  await client.query(`
    alter function crm_sync._lock_keys(text, text[]) rename to _lock_keys_at_once;
    create function crm_sync._lock_keys(p_destination text, p_keys text[])
    returns text[]
    language plpgsql
    set lock_timeout = '30s'
    as $$
    begin
        perform pg_advisory_lock(1);
        perform pg_advisory_unlock(1);
        return crm_sync._lock_keys_at_once(p_destination, p_keys);
    end;
    $$;
  `);
}

async function untilHalted(client: pg.Client): Promise<void> {
  const isHalted = async () => {
    const { rowCount } = await client.query(
      "select from pg_locks where locktype = 'advisory' and not granted",
    );
    return rowCount === 1;
  };
  await expect.poll(isHalted, { timeout: 30_000, interval: 10 }).toBe(true);
}
