import { z } from "zod";
import type { ColumnsOf } from "../columns.ts";
import {
  id,
  isBlank,
  numberFrom,
  payloadNumber,
  payloadText,
  payloadTextOrNull,
  text,
  textOrNull,
  toUtc,
} from "../values.ts";
import { type MappingContext, UnusableValue } from "./mapping.ts";

const TIME = "a time from year 0 to 9999";

export const orderConfirmationRecord = z.object({
  id,
  order_number: z
    .string({ error: "an order number" })
    .refine((value) => !isBlank(value), "an order number"),
  client_name: text,
  client_phone: text,
  client_address: text,
  client_city: text,
  product_name: text,
  quantity: numberFrom(1, "whole"),
  unit_price: numberFrom(0, "any"),
  total_amount: numberFrom(0, "any"),
  status: text,
  confirmed_at: text.refine((time) => time === null || isBlank(time) || toUtc(time) !== null, TIME),
} satisfies ColumnsOf<"orders">);

export const orderConfirmationPayload = z.strictObject({
  form_name: z.literal("order_confirmation"),
  fields: z.strictObject({
    order_id: payloadText,
    order_number: payloadText,
    client_name: payloadTextOrNull,
    client_phone: payloadTextOrNull,
    client_address: payloadTextOrNull,
    client_city: payloadTextOrNull,
    product_name: payloadTextOrNull,
    quantity: payloadNumber,
    unit_price: payloadNumber,
    total_amount: payloadNumber,
    status: z.literal("confirmed"),
    confirmed_at: payloadText,
  }),
});

export function mapOrderConfirmation(
  order: z.infer<typeof orderConfirmationRecord>,
  context: MappingContext,
): z.infer<typeof orderConfirmationPayload> {
  return {
    form_name: "order_confirmation",
    fields: {
      order_id: order.id,
      order_number: order.order_number,
      client_name: textOrNull(order.client_name),
      client_phone: textOrNull(order.client_phone),
      client_address: textOrNull(order.client_address),
      client_city: textOrNull(order.client_city),
      product_name: textOrNull(order.product_name),
      quantity: order.quantity,
      unit_price: order.unit_price,
      total_amount: order.total_amount,
      status: "confirmed",
      confirmed_at: confirmedAt(textOrNull(order.confirmed_at) ?? context.capturedAt),
    },
  };
}

function confirmedAt(time: string): string {
  const utc = toUtc(time);
  if (utc === null) throw new UnusableValue("confirmed_at", TIME);
  return utc;
}
