import { type Env, readEnv } from "./runtime.ts";

/** The site's address where SITE_URL is not set; `[auth]` of supabase/config.toml names both. */
export const SITE_URL_FALLBACK = "https://www.demande-raccordement.fr";
export const CANONICAL_DOMAIN = "https://demande-raccordement.fr";

/** SITE_URL or its fallback, without a slash at its end. */
export function siteUrl(env: Env): string {
  return (readEnv(env, "SITE_URL") ?? SITE_URL_FALLBACK).replace(/\/+$/, "");
}

export function paymentReturnUrl(site: string): string {
  return `${site}/paiement/retour`;
}
