import { expect, it } from "vitest";
import { withClient } from "../../../scripts/with-client.ts";
import { createTestDatabase } from "../../support/database.ts";
import { installEngine, openSession } from "../../support/engine.ts";
import { statuses, tick } from "./two-sessions.ts";

it("what waited when it was copied, and what it captures, leaves when it is started there", async () => {
  // The template is the original, its clone the copy.
  const database = await createTestDatabase({
    name: "original",
    build: async (original) => {
      await installEngine(original.postgresUrl);
      await withClient(original.postgresUrl, async (client) => {
        await client.query("select crm_sync.start()");
        await client.query("insert into leads (email) values ('ada@example.test')");
        expect(await statuses(client)).toEqual(["in_flight"]);
      });
    },
  });
  const copy = await openSession(database);
  await copy.query("truncate net.http_request_queue");
  await copy.query("insert into leads (email) values ('bob@example.test')");
  await tick(copy);
  await tick(copy, "1 hour");
  expect(await statuses(copy)).toEqual(["pending", "pending"]);
  await copy.query("select crm_sync.start()");
  await tick(copy, "1 hour");
  expect(await statuses(copy)).toEqual(["in_flight", "in_flight"]);
});
