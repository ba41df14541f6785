/** supabase-js as an application would make it, for the local data API. */
import { createClient } from "@supabase/supabase-js";

/** Node before 22 has no WebSocket, and supabase-js wants one although nobody here listens to Realtime. */
class NoRealtime {
  constructor() {
    throw new Error("the local stack has no Realtime");
  }
}

/** `key` is the gateway's anon or service role key; `token` says who is signed in. */
export function createLocalClient(url: string, key: string, token = key) {
  return createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    global: { headers: { authorization: `Bearer ${token}` } },
    realtime: { transport: NoRealtime as unknown as typeof WebSocket },
  });
}
