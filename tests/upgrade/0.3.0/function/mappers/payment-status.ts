import { z } from "zod";
import { payloadNumber, payloadTextOrNull, textOrNull } from "../values.ts";
import { paymentColumns } from "./payment.ts";
import {
  customerColumns,
  refuseUnreachable,
  requestColumns,
  requestFields,
  requestPayload,
} from "./request.ts";

/**
 * What makes a request useless makes its payment status useless. Mending the customer sends the request
 * again, paid by then, so the receiver hears of the payment all the same.
 */
export const paymentStatusRecord = paymentColumns
  .extend({
    request: requestColumns,
    customer: customerColumns.nullable(),
  })
  .superRefine(({ customer }, context) =>
    refuseUnreachable(customer, ["request", "customer_id"], context),
  );

export const paymentStatusPayload = requestPayload.extend({
  payment_status: z.literal("paid"),
  payment_session_id: payloadTextOrNull,
  payment_intent_id: payloadTextOrNull,
  amount: payloadNumber,
});

export function mapPaymentStatus(
  payment: z.infer<typeof paymentStatusRecord>,
): z.infer<typeof paymentStatusPayload> {
  return {
    ...requestFields(payment.request, payment.customer, "paid"),
    payment_status: "paid",
    payment_session_id: textOrNull(payment.stripe_session_id),
    payment_intent_id: textOrNull(payment.stripe_payment_intent_id),
    amount: payment.amount,
  };
}
