import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { openTwoSessions } from "./two-sessions.ts";

it("asks for its lock again and again, and nobody who writes waits for long behind it", async () => {
  const { first, second } = await openTwoSessions();
  const { host, port, database, user } = first;
  const writer = new pg.Client({
    host,
    port,
    ...(database && { database }),
    ...(user && { user }),
  });
  await writer.connect();
  onTestFinished(() => writer.end());
  await first.query("create table public.theirs (id int primary key, email text)");
  await first.query("begin; insert into public.theirs values (1, 'ada@example.test')");
  const attached = second.query(
    "select crm_sync.attach('public.theirs', 'lead', array['email'], $$'theirs:' || new.id$$)",
  );
  await sleep(1_500);
  // Behind a lock that is waited for, this would wait as well.
  const begun = performance.now();
  await writer.query("insert into public.theirs values (2, 'bob@example.test')");
  expect(performance.now() - begun).toBeLessThan(1_000);
  await first.query("commit");
  await attached;
  await writer.query("insert into public.theirs values (3, 'eva@example.test')");
  const { rows } = await first.query(
    "select row_id from crm_sync.deliveries where table_name = 'public.theirs'",
  );
  expect(rows).toEqual([{ row_id: "3" }]);
});

it("gives up after five tries, and says who may know", async () => {
  const { first, second } = await openTwoSessions();
  await first.query("create table public.theirs (id int primary key, email text)");
  await first.query("begin; insert into public.theirs values (1, 'ada@example.test')");
  await expect(
    second.query(
      "select crm_sync.attach('public.theirs', 'lead', array['email'], $$'theirs:' || new.id$$)",
    ),
  ).rejects.toMatchObject({
    code: "55P03",
    message: "in use, no lock within 5 s: public.theirs",
    hint: expect.stringContaining("pg_locks"),
  });
  await first.query("rollback");
});
