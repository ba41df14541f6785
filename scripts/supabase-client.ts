/** supabase-js as an application would make it. */
import { createClient } from "@supabase/supabase-js";

/** Node before 22 has no WebSocket, and supabase-js wants one although nobody here listens to Realtime. */
class NoRealtime {
  constructor() {
    throw new Error("no Realtime here");
  }
}

/** `key` is the project's, of whatever kind; `token` says who is signed in, if somebody is. */
export function createSupabaseClient(url: string, key: string, token?: string) {
  return createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    ...(token && { global: { headers: { authorization: `Bearer ${token}` } } }),
    realtime: { transport: NoRealtime as unknown as typeof WebSocket },
  });
}
