import { z } from "zod";
import type { ColumnsOf } from "../columns.ts";
import {
  id,
  payloadText,
  payloadTextOrNull,
  splitName,
  text,
  textOrNull,
  translate,
} from "../values.ts";

export const leadRecord = z
  .object({
    id,
    email: text,
    phone: text,
    firstname: text,
    lastname: text,
    full_name: text,
    connection_type: text,
    postal_code: text,
    source: text,
    utm_source: text,
    utm_medium: text,
    utm_campaign: text,
  } satisfies ColumnsOf<"leads">)
  .refine((lead) => textOrNull(lead.email) ?? textOrNull(lead.phone), {
    path: ["email"],
    error: "an email or a phone",
  });

export const leadPayload = z.strictObject({
  email: payloadTextOrNull,
  phone: payloadTextOrNull,
  firstName: payloadTextOrNull,
  lastName: payloadTextOrNull,
  full_name: payloadTextOrNull,
  serviceType: payloadText,
  postalCode: payloadTextOrNull,
  source: payloadText,
  lovable_lead_id: payloadText,
  utm_source: payloadTextOrNull,
  utm_medium: payloadTextOrNull,
  utm_campaign: payloadTextOrNull,
});

/** connection_type → the CRM's serviceType, where it has another word for it. */
const SERVICE_TYPES: ReadonlyMap<string, string> = new Map();

export function mapLead(lead: z.infer<typeof leadRecord>): z.infer<typeof leadPayload> {
  const firstname = textOrNull(lead.firstname);
  const lastname = textOrNull(lead.lastname);
  const fullName = textOrNull(lead.full_name);
  const split = firstname === null && lastname === null ? splitName(fullName) : null;
  return {
    email: textOrNull(lead.email),
    phone: textOrNull(lead.phone),
    firstName: split ? split.first : firstname,
    lastName: split ? split.rest : lastname,
    full_name: fullName ?? joined(firstname, lastname),
    serviceType: translate(SERVICE_TYPES, textOrNull(lead.connection_type) ?? "non-specifie"),
    postalCode: textOrNull(lead.postal_code),
    source: textOrNull(lead.source) ?? "lovable-website",
    lovable_lead_id: lead.id,
    utm_source: textOrNull(lead.utm_source),
    utm_medium: textOrNull(lead.utm_medium),
    utm_campaign: textOrNull(lead.utm_campaign),
  };
}

function joined(firstname: string | null, lastname: string | null): string | null {
  const names = [firstname, lastname].filter((name) => name !== null);
  return names.length > 0 ? names.join(" ") : null;
}
