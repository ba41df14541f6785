/** A gateway over a database that holds data-api.sql, and supabase-js clients for it. */
import { readFileSync } from "node:fs";
import pg from "pg";
import { startGateway } from "../../../scripts/local/gateway.ts";
import { createSupabaseClient } from "../../../scripts/supabase-client.ts";
import { startThrowawayServer, type ThrowawayServer } from "../../../scripts/throwaway.ts";

export const PERSON = "00000000-0000-4000-8000-00000000000a";
export const STRANGER = "00000000-0000-4000-8000-00000000000b";

export async function startDataApi() {
  const server = await startThrowawayServer();
  // Vitest ends a worker without asking: what fails here must not leave a server behind.
  return serve(server).catch(async (error) => {
    await server.stop();
    throw error;
  });
}

async function serve(server: ThrowawayServer) {
  const { url } = await server.createDatabase("data_api");
  const db = new pg.Client({ connectionString: url });
  await db.connect();
  await db.query(readFileSync(new URL("./data-api.sql", import.meta.url), "utf8"));
  const gateway = await startGateway({ databaseUrl: url });
  const client = (key: string, token?: string) => createSupabaseClient(gateway.url, key, token);
  return {
    db,
    gateway,
    client,
    anon: client(gateway.anonKey),
    service: client(gateway.serviceRoleKey),
    person: client(gateway.anonKey, gateway.tokenFor({ sub: PERSON })),
    stranger: client(gateway.anonKey, gateway.tokenFor({ sub: STRANGER })),
    stop: async () => {
      await gateway.stop();
      await db.end();
      await server.stop();
    },
  };
}

export type DataApi = Awaited<ReturnType<typeof startDataApi>>;
