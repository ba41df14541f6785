import { type Env, type EnvName, readEnv } from "./runtime.ts";

/** A text that must never leave the function, and what stands in its place. */
export type Secret = { label: string; value: string };

/** Where a call goes, or why it cannot be made; `error` names a variable, never its value. */
export type Target =
  | { url: string; headers: Record<string, string>; secrets: Secret[] }
  | {
      errorCode: "missing_secret" | "invalid_secret" | "invalid_url" | "insecure_url";
      error: string;
    };

export type Destination = {
  target: (env: Env, path: string) => Target;
};

const MONELEC_API_URL_DEFAULT = "https://monelec.net/api/external";

export const destinations = {
  monelec: {
    target(env, path) {
      const apiKey = readEnv(env, "MONELEC_API_KEY");
      if (apiKey === null) return missing("MONELEC_API_KEY");
      if (!/^[\x20-\x7e]+$/.test(apiKey)) {
        return {
          errorCode: "invalid_secret",
          error: "MONELEC_API_KEY holds characters that no HTTP header can carry",
        };
      }
      const base = readEnv(env, "MONELEC_API_URL") ?? MONELEC_API_URL_DEFAULT;
      return targetAt("MONELEC_API_URL", base, path, {
        headers: { "X-API-Key": apiKey },
        secrets: [{ label: "MONELEC_API_KEY", value: apiKey }],
      });
    },
  },
  elementor: secretUrl("ELEMENTOR_WEBHOOK_URL"),
} as const satisfies Record<string, Destination>;

export type DestinationName = keyof typeof destinations;

/** Where people are told; no route leads there. */
export const noticeTargets = {
  alert: secretUrl("CRM_SYNC_ALERT_URL"),
  heartbeat: secretUrl("CRM_SYNC_HEARTBEAT_URL"),
} as const satisfies Record<string, Destination>;

/** Every secret that this function holds: a receiver may write back what it should not even know. */
export function knownSecrets(env: Env): Secret[] {
  const signing = readEnv(env, "CRM_SYNC_SIGNING_SECRET")?.split(/\s+/) ?? [];
  return [
    ...Object.values({ ...destinations, ...noticeTargets }).flatMap((destination) => {
      const target = destination.target(env, "");
      return "secrets" in target ? target.secrets : [];
    }),
    ...signing.map((value) => ({ label: "CRM_SYNC_SIGNING_SECRET", value })),
  ];
}

/** A URL that is the secret itself. */
function secretUrl(name: EnvName): Destination {
  return {
    target(env, path) {
      const base = readEnv(env, name);
      if (base === null) return missing(name);
      return targetAt(name, base, path, {
        headers: {},
        secrets: partsOf(base).map((value) => ({ label: name, value })),
      });
    },
  };
}

function missing(name: EnvName): Target {
  return { errorCode: "missing_secret", error: `${name} is not set among the function's secrets` };
}

function targetAt(
  name: EnvName,
  base: string,
  path: string,
  auth: { headers: Record<string, string>; secrets: Secret[] },
): Target {
  const url = parseUrl(base);
  if (url === null || url.username + url.password !== "") {
    return { errorCode: "invalid_url", error: `${name} is not a URL that can be called` };
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname))) {
    return { errorCode: "insecure_url", error: `${name} is not https` };
  }
  if (path !== "") url.pathname = url.pathname.replace(/\/+$/, "") + path;
  return { url: url.href, ...auth };
}

function parseUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** A URL that is a secret, and the pieces of it that would give it away: path, long segments, query. */
function partsOf(secretUrl: string): string[] {
  const url = parseUrl(secretUrl);
  if (!url) return [secretUrl];
  return [
    secretUrl,
    url.href,
    url.pathname + url.search,
    ...url.pathname.split("/").filter((segment) => segment.length >= 12),
    ...[...url.searchParams.values()].filter((value) => value.length >= 6),
  ].filter((part) => part.length > 1);
}
