/** HS256 tokens as Supabase's auth makes them, signed with a secret that is fake on sight. */
import { createHmac, timingSafeEqual } from "node:crypto";

export const FAKE_JWT_SECRET = "fake-local-jwt-secret-not-for-any-real-project";

export interface Claims {
  role: string;
  /** Seconds since 1970. */
  exp?: number;
  [claim: string]: unknown;
}

export function signJwt(claims: Claims, secret: string): string {
  const head = encode({ alg: "HS256", typ: "JWT" });
  const unsigned = `${head}.${encode(claims)}`;
  return `${unsigned}.${hmac(unsigned, secret).toString("base64url")}`;
}

/** The claims of a token; "forged" for a bad signature or shape, "expired" when its time is over. */
export function readJwt(token: string, secret: string, now: Date): Claims | "forged" | "expired" {
  const [head, body, signature, ...more] = token.split(".");
  if (!head || !body || !signature || more.length > 0) return "forged";
  const given = Buffer.from(signature, "base64url");
  const expected = hmac(`${head}.${body}`, secret);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return "forged";
  const claims = JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as Claims;
  return claims.exp !== undefined && claims.exp * 1000 <= now.getTime() ? "expired" : claims;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function hmac(text: string, secret: string): Buffer {
  return createHmac("sha256", secret).update(text).digest();
}
