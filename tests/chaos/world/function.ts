/** The Edge Function itself, in this process: its handler, its mappers, its outcomes; only fetch and clock are the test's. */
import { createHandler } from "../../../supabase/functions/crm-sync/handler.ts";
import type { EnvName } from "../../../supabase/functions/crm-sync/runtime.ts";
import { SIGNING_SECRET } from "./install.ts";
import type { Receivers } from "./receivers.ts";

/** Obvious fakes. */
const ENV: Partial<Record<EnvName, string>> = {
  CRM_SYNC_SIGNING_SECRET: SIGNING_SECRET,
  MONELEC_API_URL: "https://crm.example/api/external",
  MONELEC_API_KEY: "fake-api-key",
  ELEMENTOR_WEBHOOK_URL: "https://shop.example/elementor",
  SITE_URL: "https://www.example",
};

export interface FunctionAnswer {
  status: number;
  headers: Record<string, string>;
  content: string;
}

export interface FunctionRequest {
  headers: Record<string, string>;
  body: string;
  /** How long ago it was signed, in milliseconds: the ledger may have moved in time since. */
  ageMs: number;
}

const SIGNATURE_TOLERANCE_MS = 5 * 60_000;

/** The answer to one envelope. `callsAtMost`: the function is killed when it begins the next one. */
export async function runFunction(
  { headers, body, ageMs }: FunctionRequest,
  receivers: Receivers,
  callsAtMost = Number.POSITIVE_INFINITY,
): Promise<FunctionAnswer | "killed"> {
  // The signature library reads the clock itself, and the clock cannot be moved.
  if (ageMs > SIGNATURE_TOLERANCE_MS) {
    return { status: 401, headers: {}, content: '{"error":"stale_timestamp"}' };
  }
  let calls = 0;
  let killed = () => {};
  const death = new Promise<"killed">((resolve) => {
    killed = () => resolve("killed");
  });
  const handle = createHandler({
    env: (name) => ENV[name],
    fetch: async (url, init) => {
      calls += 1;
      if (calls <= callsAtMost) return receivers.fetch(url, init);
      killed();
      return new Promise(() => {});
    },
    now: () => Date.now() + ageMs,
    log: () => {},
  });
  const request = new Request("http://127.0.0.1/crm-sync", { method: "POST", headers, body });
  const answered = handle(request).then(async (response) => ({
    status: response.status,
    headers: Object.fromEntries(response.headers),
    content: await response.text(),
  }));
  return Promise.race([answered, death]);
}
