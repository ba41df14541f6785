/** One valid payload for each endpoint, and a way to post it. */
import { randomUUID } from "node:crypto";
import type { Receiver } from "../../../scripts/local/receiver/index.ts";

export const LEAD_ID = "00000000-0000-4000-8000-000000000001";
export const REQUEST_ID = "00000000-0000-4000-8000-000000000002";
export const PAYMENT_ID = "00000000-0000-4000-8000-000000000003";
export const ORDER_ID = "00000000-0000-4000-8000-000000000004";

export const lead = {
  email: "claire@example.test",
  phone: "+33 6 12 34 56 78",
  firstName: "Claire",
  lastName: "Dupont",
  full_name: "Claire Dupont",
  serviceType: "non-specifie",
  postalCode: "01000",
  source: "lovable-website",
  lovable_lead_id: LEAD_ID,
  utm_source: null,
  utm_medium: null,
  utm_campaign: null,
};

export const request = {
  lovable_request_id: REQUEST_ID,
  customer_id: "00000000-0000-4000-8000-000000000005",
  email: null,
  phone: "06.12.34.56.78",
  full_name: null,
  client_type: "professionnel",
  company_name: "Énergie & Fils",
  siren: "552 100 554",
  type_raccordement: "definitif",
  usage: null,
  address: null,
  city: null,
  zip_code: "01000",
  phase: null,
  power_kva: 12.5,
  is_viabilise: false,
  status: "submitted",
  payment_status: "pending",
};

export const paymentStatus = {
  ...request,
  payment_status: "paid",
  payment_session_id: "cs_test_fake",
  payment_intent_id: null,
  amount: 12900,
};

export const paymentSession = {
  request_id: REQUEST_ID,
  lovable_payment_id: PAYMENT_ID,
  amount: 12900,
  currency: "eur",
  status: "pending",
  payment_session_id: "cs_test_fake",
  payment_intent_id: null,
  email: "claire@example.test",
  phone: null,
  full_name: null,
  return_url: "https://www.demande-raccordement.fr/paiement/retour",
};

export const paymentIntent = {
  ...paymentSession,
  payment_session_id: null,
  payment_intent_id: "pi_test_fake",
};

export const orderConfirmation = {
  form_name: "order_confirmation",
  fields: {
    order_id: ORDER_ID,
    order_number: "CMD-000123",
    client_name: "Claire Dupont",
    client_phone: null,
    client_address: null,
    client_city: null,
    product_name: "Coffret",
    quantity: 1,
    unit_price: 19.9,
    total_amount: 19.9,
    status: "confirmed",
    confirmed_at: "2026-01-02T03:04:05.678901Z",
  },
};

export interface Posting {
  key?: string;
  headers?: Record<string, string | undefined>;
  method?: string;
  signal?: AbortSignal;
}

/** Posts as the sender should; `path` is below monelec's base, or /elementor-webhook. */
export function post(receiver: Receiver, path: string, body: unknown, posting: Posting = {}) {
  const toMonelec = path !== "/elementor-webhook";
  const headers = Object.entries({
    "content-type": "application/json",
    "idempotency-key": posting.key ?? randomUUID(),
    "x-api-key": toMonelec ? receiver.apiKey : undefined,
    ...posting.headers,
  }).filter((header): header is [string, string] => header[1] !== undefined);
  return fetch(toMonelec ? `${receiver.monelecUrl}${path}` : receiver.elementorUrl, {
    method: posting.method ?? "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
    redirect: "manual",
    ...(posting.signal && { signal: posting.signal }),
  });
}
