import { expect, it } from "vitest";
import { withClient } from "../../scripts/with-client.ts";
import { createTestDatabase } from "../support/database.ts";
import { ENGINE } from "../support/engine.ts";

const MEND =
  "create extension pg_net; create extension pg_cron; create extension supabase_vault cascade; on Supabase also under Database → " +
  "Extensions. A pg_net that is there without net.wake(): alter extension pg_net update;";

it("of a pg_net that is there and too old, health and start() say the same", async () => {
  const { superuserUrl } = await createTestDatabase(ENGINE);
  await withClient(superuserUrl, async (client) => {
    await client.query("alter function net.wake() rename to slept");
    await expect(client.query("select crm_sync.start()")).rejects.toMatchObject({
      code: "CS012",
      message: "crm-sync can not start without pg_net (net.wake)",
      hint: MEND,
    });
    const { rows } = await client.query(
      "select detail, mend from crm_sync.health() where check_name = 'platform'",
    );
    expect(rows).toEqual([
      {
        detail: "missing: pg_net (net.wake)",
        mend: `${MEND} Then select crm_sync.start();`,
      },
    ]);
  });
});

it.each([
  ["net", "pg_net (net.http_post), pg_net (net.wake)"],
  ["cron", "pg_cron (cron.schedule)"],
  ["vault", "Vault (vault.decrypted_secrets)"],
])("without the schema %s one check is red, and none once it is back", async (schema, said) => {
  const { superuserUrl } = await createTestDatabase(ENGINE);
  await withClient(superuserUrl, async (client) => {
    const health = async (level: string) => {
      const { rows } = await client.query<{ check_name: string; detail: string }>(
        "select check_name, detail from crm_sync.health() where level = $1",
        [level],
      );
      return rows;
    };
    const before = await health("error");
    await client.query(`alter schema ${schema} rename to gone`);
    expect(await health("error")).toContainEqual({
      check_name: "platform",
      detail: `missing: ${said}`,
    });
    const others = (await health("error")).filter(({ check_name }) => check_name !== "platform");
    expect(before).toEqual(expect.arrayContaining(others));
    expect((await health("unknown")).length).toBeGreaterThan(0);
    await client.query(`alter schema gone rename to ${schema}`);
    expect(await health("error")).toEqual(before);
    expect(await health("unknown")).toEqual([]);
  });
});
