import { z } from "zod";
import type { ColumnsOf } from "../columns.ts";
import {
  exactNumber,
  id,
  payloadNumber,
  payloadText,
  payloadTextOrNull,
  text,
  textOrNull,
  translate,
  yesNo,
} from "../values.ts";

/** The columns of `requests` that a payload takes. */
export const requestColumns = z.object(
  {
    id,
    customer_id: text,
    type_raccordement: text,
    usage: text,
    address: text,
    city: text,
    zip_code: text,
    phase: text,
    power_kva: exactNumber,
    is_viabilise: yesNo,
    status: text,
  } satisfies ColumnsOf<"requests">,
  { error: "an existing request" },
);

/** The columns of `customers` that a request's payload takes. */
export const customerColumns = z.object(
  {
    email: text,
    phone: text,
    full_name: text,
    client_type: text,
    company_name: text,
    siren: text,
  } satisfies ColumnsOf<"customers">,
  { error: "an existing customer" },
);

export const requestRecord = requestColumns
  .extend({
    customer: customerColumns.nullable(),
    has_succeeded_payment: z.boolean({ error: "true or false" }),
  })
  .superRefine(({ customer }, context) => refuseUnreachable(customer, ["customer_id"], context));

export const requestPayload = z.strictObject({
  lovable_request_id: payloadText,
  customer_id: payloadTextOrNull,
  email: payloadTextOrNull,
  phone: payloadTextOrNull,
  full_name: payloadTextOrNull,
  client_type: payloadTextOrNull,
  company_name: payloadTextOrNull,
  siren: payloadTextOrNull,
  type_raccordement: payloadTextOrNull,
  usage: payloadTextOrNull,
  address: payloadTextOrNull,
  city: payloadTextOrNull,
  zip_code: payloadTextOrNull,
  phase: payloadTextOrNull,
  power_kva: payloadNumber.nullable(),
  is_viabilise: z.boolean().nullable(),
  status: payloadText,
  payment_status: z.enum(["paid", "pending"]),
});

/** client_type → the CRM's word, where it has another one. */
const CLIENT_TYPES: ReadonlyMap<string, string> = new Map([
  ["particulier", "particulier"],
  ["professionnel", "professionnel"],
  ["collectivite", "collectivite"],
]);

/** A request's status → the CRM's. A payment can come first: what is still a draft counts as submitted. */
const REQUEST_STATUSES: ReadonlyMap<string, string> = new Map([
  ["draft", "submitted"],
  ["submitted", "submitted"],
]);

export function mapRequest(record: z.infer<typeof requestRecord>): z.infer<typeof requestPayload> {
  return requestFields(record, record.customer, record.has_succeeded_payment ? "paid" : "pending");
}

/** A request nobody can be asked about is of no use to the receiver. */
export function refuseUnreachable(
  customer: z.infer<typeof customerColumns> | null,
  referencePath: string[],
  context: z.core.$RefinementCtx,
): void {
  if (customer === null) {
    context.addIssue({ code: "custom", path: referencePath, message: "an existing customer" });
  } else if ((textOrNull(customer.email) ?? textOrNull(customer.phone)) === null) {
    context.addIssue({
      code: "custom",
      path: ["customer", "email"],
      message: "an email or a phone",
    });
  }
}

/** The whole request payload; `payment_status` shares it. */
export function requestFields(
  request: z.infer<typeof requestColumns>,
  customer: z.infer<typeof customerColumns> | null,
  paymentStatus: "paid" | "pending",
): z.infer<typeof requestPayload> {
  return {
    lovable_request_id: request.id,
    customer_id: textOrNull(request.customer_id),
    email: textOrNull(customer?.email ?? null),
    phone: textOrNull(customer?.phone ?? null),
    full_name: textOrNull(customer?.full_name ?? null),
    client_type: translate(CLIENT_TYPES, textOrNull(customer?.client_type ?? null)),
    company_name: textOrNull(customer?.company_name ?? null),
    siren: textOrNull(customer?.siren ?? null),
    type_raccordement: textOrNull(request.type_raccordement),
    usage: textOrNull(request.usage),
    address: textOrNull(request.address),
    city: textOrNull(request.city),
    zip_code: textOrNull(request.zip_code),
    phase: textOrNull(request.phase),
    power_kva: request.power_kva,
    is_viabilise: request.is_viabilise,
    status: translate(REQUEST_STATUSES, textOrNull(request.status) ?? "draft"),
    payment_status: paymentStatus,
  };
}
