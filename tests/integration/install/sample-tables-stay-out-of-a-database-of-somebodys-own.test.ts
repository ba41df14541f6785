import { expect, test } from "vitest";
import { installInto } from "../../../scripts/local/install.ts";
import { withClient } from "../../../scripts/with-client.ts";
import { createTestDatabase } from "../../support/database.ts";

const TABLES = `select array_agg(relname::text order by relname) as names from pg_catalog.pg_class
  where relnamespace = 'public'::regnamespace and relkind = 'r'`;

async function install(before: string) {
  const { postgresUrl } = await createTestDatabase();
  return withClient(postgresUrl, async (client) => {
    await client.query(before);
    const notes = await installInto(postgresUrl, client);
    const again = await installInto(postgresUrl, client);
    const { rows } = await client.query<{ names: string[] }>(TABLES);
    return { notes, again, tables: rows[0]?.names };
  });
}

test("where there is a table, the engine alone is installed", async () => {
  const note = expect.stringContaining("the sample tables are not installed");
  expect(await install("create table public.theirs (id int primary key)")).toEqual({
    notes: [note],
    again: [note],
    tables: ["theirs"],
  });
});

test("where there is none, they are, and stay ours at the next start", async () => {
  expect(await install("")).toEqual({
    notes: [],
    again: [],
    tables: ["customers", "leads", "orders", "payments", "requests"],
  });
});
