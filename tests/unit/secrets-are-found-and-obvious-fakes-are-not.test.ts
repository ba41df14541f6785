import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { signJwt } from "../../scripts/local/gateway/jwt.ts";
import { findSecrets } from "../../scripts/secrets.ts";

const random = (bytes: number, encoding: BufferEncoding) => randomBytes(bytes).toString(encoding);
const base64 = (text: string) => Buffer.from(text).toString("base64");

test.each([
  ["webhook secret", () => `whsec_${random(24, "base64")}`],
  ["Supabase secret key", () => `sb_secret_${random(24, "base64url")}`],
  ["Supabase access token", () => `sbp_${random(20, "hex")}`],
  ["Stripe key", () => `sk_live_${random(12, "hex")}`],
  ["JWT", () => signJwt({ role: "service_role" }, random(24, "hex"))],
  ["long hex string", () => random(32, "hex")],
  ["private key", () => ["-----BEGIN", "PRIVATE", "KEY-----"].join(" ")],
  [
    "long random value of a key, secret or token",
    () => `api_key = "4g7h1${random(30, "base64url")}"`,
  ],
])("a %s is found in its line, and not repeated", (kind, make) => {
  const secret = make();
  const findings = findSecrets(`first\nsee ${secret} there`);
  expect(findings).toContainEqual({ line: 2, kind, beginning: expect.any(String) });
  expect(JSON.stringify(findings)).not.toContain(secret);
});

test.each([
  `whsec_${base64("a fake secret of the local stack")}`,
  `whsec_${base64("words that somebody has typed")}`,
  "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "sb_secret_fake_for_local_use_only",
  signJwt({ role: "anon", iss: "fake-local" }, "fake"),
  "0000000000000000000000000000000000000000",
  "00000000-0000-4000-8000-000000000001",
  `sha256:${random(32, "hex")}`,
  'const apiKey = "the-key-that-monelec-expects-here";',
])("%s is none", (text) => {
  expect(findSecrets(text)).toEqual([]);
});
