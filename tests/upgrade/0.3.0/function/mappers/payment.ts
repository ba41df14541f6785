import { z } from "zod";
import type { ColumnsOf } from "../columns.ts";
import { paymentReturnUrl } from "../site.ts";
import {
  id,
  numberFrom,
  payloadNumber,
  payloadText,
  payloadTextOrNull,
  text,
  textOrNull,
  translate,
} from "../values.ts";
import type { MappingContext } from "./mapping.ts";

/** The columns that every payload about a payment takes; `amount` in minor units. */
export const paymentColumns = z.object({
  id,
  request_id: z
    .string({ error: "the request that is paid" })
    .refine((value) => textOrNull(value) !== null, "the request that is paid"),
  stripe_session_id: text,
  stripe_payment_intent_id: text,
  amount: numberFrom(0, "whole"),
} satisfies ColumnsOf<"payments">);

export const paymentRecord = paymentColumns.extend({
  currency: text,
  status: text,
  customer: z
    .object({ email: text, phone: text, full_name: text } satisfies ColumnsOf<"customers">, {
      error: "a customer or null",
    })
    .nullable(),
});

export const paymentPayload = z.strictObject({
  request_id: payloadText,
  lovable_payment_id: payloadText,
  amount: payloadNumber,
  currency: payloadTextOrNull,
  status: payloadTextOrNull,
  payment_session_id: payloadTextOrNull,
  payment_intent_id: payloadTextOrNull,
  email: payloadTextOrNull,
  phone: payloadTextOrNull,
  full_name: payloadTextOrNull,
  return_url: payloadText,
});

/** A payment's status → the CRM's, where it has another word for it. */
const PAYMENT_STATUSES: ReadonlyMap<string, string> = new Map(
  ["pending", "processing", "succeeded", "failed", "canceled", "refunded"].map((s) => [s, s]),
);

export function mapPayment(
  payment: z.infer<typeof paymentRecord>,
  context: MappingContext,
): z.infer<typeof paymentPayload> {
  return {
    request_id: payment.request_id,
    lovable_payment_id: payment.id,
    amount: payment.amount,
    currency: textOrNull(payment.currency),
    status: translate(PAYMENT_STATUSES, textOrNull(payment.status)),
    payment_session_id: textOrNull(payment.stripe_session_id),
    payment_intent_id: textOrNull(payment.stripe_payment_intent_id),
    email: textOrNull(payment.customer?.email ?? null),
    phone: textOrNull(payment.customer?.phone ?? null),
    full_name: textOrNull(payment.customer?.full_name ?? null),
    return_url: paymentReturnUrl(context.site),
  };
}
