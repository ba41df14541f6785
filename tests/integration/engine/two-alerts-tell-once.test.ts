import { expect, it } from "vitest";
import { openTwoSessions } from "./two-sessions.ts";

it("what one session is about to post is left alone by another", async () => {
  const { first, second } = await openTwoSessions();
  await first.query(
    "insert into crm_sync.alert_messages (text, written_at) values ('a trouble', now())",
  );
  await first.query("begin");
  await first.query("select crm_sync.alert()");
  await second.query("select crm_sync.test_alert()");
  expect((await second.query("select from crm_sync.alert()")).rowCount).toBe(0);
  await first.query("commit");
  const { rows } = await second.query(`
    select count(*)::int as posts from net.http_request_queue
    where convert_from(body, 'UTF8')::jsonb -> 'notice' ->> 'alert' = 'a trouble'`);
  expect(rows).toEqual([{ posts: 1 }]);
});
