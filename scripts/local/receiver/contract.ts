/**
 * What the receivers accept, read from the contract alone: nothing here knows the function's code,
 * so a mistake there cannot hide here.
 */
import { readdirSync, readFileSync } from "node:fs";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import ajvFormats from "ajv-formats";
import { isSafeNumber, parse } from "lossless-json";

export type Destination = "monelec" | "elementor";

/** What one endpoint reads out of an accepted or refused body. */
export interface Named {
  /** What the receiver stores, e.g. `lovable_lead_id:<uuid>`. */
  entity: string | null;
  /** What must never overlap: the ordering key, e.g. `request:<uuid>` for a request's payments too. */
  subject: string | null;
}

export interface Endpoint {
  destination: Destination;
  schemaFor(body: Fields): string;
  name(body: Fields): Named;
}

export type Fields = Record<string, unknown>;

export interface FieldError {
  /** JSON pointer of the field, empty for the whole body. */
  field: string;
  expected: string;
}

const PAYMENT_FIELDS = ["payment_session_id", "payment_intent_id", "amount"];

const payment = (schema: string): Endpoint => ({
  destination: "monelec",
  schemaFor: () => schema,
  name: (body) => ({
    entity: id("lovable_payment_id", body.lovable_payment_id),
    subject: id("request", body.request_id),
  }),
});

export const MONELEC_BASE = "/api/external";
export const ELEMENTOR_PATH = "/elementor-webhook";

export const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  [
    `${MONELEC_BASE}/leads`,
    {
      destination: "monelec",
      schemaFor: () => "lead",
      name: (body) => ({
        entity: id("lovable_lead_id", body.lovable_lead_id),
        subject: id("lead", body.lovable_lead_id),
      }),
    },
  ],
  [
    `${MONELEC_BASE}/requests`,
    {
      destination: "monelec",
      schemaFor: (body) =>
        PAYMENT_FIELDS.some((field) => field in body) ? "payment-status" : "request",
      name: (body) => ({
        entity: id("lovable_request_id", body.lovable_request_id),
        subject: id("request", body.lovable_request_id),
      }),
    },
  ],
  [`${MONELEC_BASE}/payment-session`, payment("payment-session")],
  [`${MONELEC_BASE}/payment-intent`, payment("payment-intent")],
  [
    ELEMENTOR_PATH,
    {
      destination: "elementor",
      schemaFor: () => "order-confirmation",
      name: (body) => {
        const fields = isFields(body.fields) ? body.fields : {};
        return {
          entity: id("order_number", fields.order_number),
          subject: id("order", fields.order_id),
        };
      },
    },
  ],
]);

const validators = compileSchemas(new URL("./schemas/", import.meta.url));

/** Names every field that breaks the contract; an empty list means accepted. */
export function breaches(schema: string, body: unknown): FieldError[] {
  const validate = validators.get(schema);
  if (!validate) throw new Error(`no schema named ${schema}`);
  return validate(body) ? [] : (validate.errors ?? []).filter(isCause).map(describe);
}

/**
 * Parses JSON and keeps count of the numbers that a double cannot hold.
 * @throws SyntaxError when the text is no JSON or names a field twice.
 */
export function parseExactly(text: string): { body: unknown; inexact: string[] } {
  const inexact: string[] = [];
  const body = parse(text, null, (digits: string) => {
    if (!isSafeNumber(digits)) inexact.push(digits);
    return Number(digits);
  });
  return { body, inexact };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function id(kind: string, value: unknown): string | null {
  return typeof value === "string" ? `${kind}:${value}` : null;
}

function compileSchemas(folder: URL): Map<string, ValidateFunction> {
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strict: true });
  ajvFormats.default(ajv);
  const files = readdirSync(folder).filter((file) => file.endsWith(".schema.json"));
  for (const file of files) ajv.addSchema(JSON.parse(readFileSync(new URL(file, folder), "utf8")));
  return new Map(
    files.map((file) => {
      const validate = ajv.getSchema(file);
      if (!validate) throw new Error(`${file} does not carry its own name as $id`);
      return [file.replace(".schema.json", ""), validate] as const;
    }),
  );
}

/** `anyOf` and `if` only repeat what the errors below them say. */
function isCause(error: ErrorObject): boolean {
  return error.keyword !== "anyOf" && error.keyword !== "if";
}

function describe(error: ErrorObject): FieldError {
  const { additionalProperty, missingProperty } = error.params as Record<string, string>;
  const child = additionalProperty ?? missingProperty;
  const field = child ? `${error.instancePath}/${child}` : error.instancePath;
  return { field, expected: child ? error.keyword : (error.message ?? error.keyword) };
}
