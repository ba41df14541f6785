import type { z } from "zod";
import type { DestinationName } from "./destinations.ts";
import { leadPayload, leadRecord, mapLead } from "./mappers/lead.ts";
import { type MappingContext, UnusableValue } from "./mappers/mapping.ts";
import {
  mapOrderConfirmation,
  orderConfirmationPayload,
  orderConfirmationRecord,
} from "./mappers/order-confirmation.ts";
import { mapPayment, paymentPayload, paymentRecord } from "./mappers/payment.ts";
import {
  mapPaymentStatus,
  paymentStatusPayload,
  paymentStatusRecord,
} from "./mappers/payment-status.ts";
import { mapRequest, requestPayload, requestRecord } from "./mappers/request.ts";

/** Why a record is not sent: the field to mend and what was expected there; never the value. */
export type Refusal = { field: string; expected: string };

export type Prepared =
  | { payload: object }
  | { refusals: Refusal[]; fault: "invalid_record" | "invalid_payload" };

export type Route = {
  destination: DestinationName;
  /** Appended to the destination's URL. */
  path: string;
  recordSchema: z.ZodType;
  payloadSchema: z.ZodType;
  /** Record to payload, checked on both sides. Keys of the payload are in the contract's order. */
  prepare: (record: unknown, context: MappingContext) => Prepared;
};

type RouteDefinition<R extends z.ZodType, P extends z.ZodType<object>> = {
  destination: DestinationName;
  path: string;
  recordSchema: R;
  payloadSchema: P;
  map: (record: z.output<R>, context: MappingContext) => z.output<P>;
};

export const routes = {
  lead: route({
    destination: "monelec",
    path: "/leads",
    recordSchema: leadRecord,
    payloadSchema: leadPayload,
    map: mapLead,
  }),
  request: route({
    destination: "monelec",
    path: "/requests",
    recordSchema: requestRecord,
    payloadSchema: requestPayload,
    map: mapRequest,
  }),
  payment_session: route({
    destination: "monelec",
    path: "/payment-session",
    recordSchema: paymentRecord,
    payloadSchema: paymentPayload,
    map: mapPayment,
  }),
  payment_intent: route({
    destination: "monelec",
    path: "/payment-intent",
    recordSchema: paymentRecord,
    payloadSchema: paymentPayload,
    map: mapPayment,
  }),
  payment_status: route({
    destination: "monelec",
    path: "/requests",
    recordSchema: paymentStatusRecord,
    payloadSchema: paymentStatusPayload,
    map: mapPaymentStatus,
  }),
  order_confirmation: route({
    destination: "elementor",
    path: "",
    recordSchema: orderConfirmationRecord,
    payloadSchema: orderConfirmationPayload,
    map: mapOrderConfirmation,
  }),
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;

export function routeNamed(name: string): Route | null {
  return Object.hasOwn(routes, name) ? routes[name as RouteName] : null;
}

function route<R extends z.ZodType, P extends z.ZodType<object>>(
  definition: RouteDefinition<R, P>,
): Route {
  const { destination, path, recordSchema, payloadSchema, map } = definition;
  return {
    destination,
    path,
    recordSchema,
    payloadSchema,
    prepare(record, context) {
      const row = recordSchema.safeParse(record);
      if (!row.success) return { refusals: refusalsIn(row.error), fault: "invalid_record" };
      try {
        const payload = map(row.data, context);
        const checked = payloadSchema.safeParse(payload);
        if (checked.success) return { payload };
        return { refusals: refusalsIn(checked.error), fault: "invalid_payload" };
      } catch (error) {
        if (!(error instanceof UnusableValue)) throw error;
        return { refusals: [error], fault: "invalid_record" };
      }
    },
  };
}

function refusalsIn(error: z.ZodError): Refusal[] {
  return error.issues.map(({ path, message }) =>
    path.length > 0
      ? { field: path.map(String).join("."), expected: message }
      : { field: "record", expected: "a row as an object" },
  );
}
