/** Every variable of the contract. Besides them index.ts alone reads where to listen, CRM_SYNC_PORT and CRM_SYNC_HOST, which the local stack sets. */
export const ENV_NAMES = [
  "CRM_SYNC_SIGNING_SECRET",
  "MONELEC_API_URL",
  "MONELEC_API_KEY",
  "ELEMENTOR_WEBHOOK_URL",
  "CRM_SYNC_ALERT_URL",
  "CRM_SYNC_HEARTBEAT_URL",
  "SITE_URL",
] as const;

export type EnvName = (typeof ENV_NAMES)[number];

export type Env = (name: EnvName) => string | undefined;

/** What the function needs from the world. `now` in milliseconds since 1970; `log` takes one line. */
export type Runtime = {
  env: Env;
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  now: () => number;
  log: (line: string) => void;
};

/** The variable's value, or null where it is missing or blank. */
export function readEnv(env: Env, name: EnvName): string | null {
  return env(name)?.trim() || null;
}
