import { expect, it } from "vitest";
import { withClient } from "../../scripts/with-client.ts";
import { createTestDatabase } from "../support/database.ts";
import { ENGINE } from "../support/engine.ts";

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
