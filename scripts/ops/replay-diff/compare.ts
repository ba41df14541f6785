/** Two outcomes of one record, field by field. */

import { parseJson, stringifyJson } from "../../../supabase/functions/crm-sync/json.ts";
import { mask } from "../../../supabase/functions/crm-sync/mask.ts";

/** What a mapper makes of a record: a payload as the bytes that would be sent, or why nothing would be. */
export type Outcome = { destination: string; path: string; payload: string } | { refused: string };

/** Values as JSON text; null where the field is not there. Names in parentheses are no fields of the payload. */
export interface Change {
  field: string;
  before: string | null;
  after: string | null;
}

type Fields = Map<string, string>;

/** Compares values as they are and shows them masked, unless told to show them. */
export function compare(
  before: Outcome,
  after: Outcome,
  record: unknown,
  { showValues }: { showValues: boolean },
): Change[] {
  if ("refused" in before || "refused" in after) {
    const [was, is] = [inWords(before), inWords(after)];
    return was === is ? [] : [{ field: "(outcome)", before: was, after: is }];
  }
  const [was, is] = [fieldsOf(before), fieldsOf(after)];
  const differing = [...new Set([...was.keys(), ...is.keys()])].filter(
    (field) => was.get(field) !== is.get(field),
  );
  if (differing.length === 0 && before.payload !== after.payload) {
    return [{ field: "(order of keys)", before: keysOf(before), after: keysOf(after) }];
  }
  const shown = [before, after].map((sent) => (showValues ? fieldsOf(sent) : masked(sent, record)));
  return differing.map((field) => ({
    field,
    before: shown[0]?.get(field) ?? null,
    after: shown[1]?.get(field) ?? null,
  }));
}

type Sent = Extract<Outcome, { payload: string }>;

function inWords(outcome: Outcome): string {
  return "refused" in outcome ? outcome.refused : "sent";
}

function fieldsOf({ destination, path, payload }: Sent): Fields {
  return withWay(destination, path, parseJson(payload));
}

function masked({ destination, path, payload }: Sent, record: unknown): Fields {
  return withWay(destination, path, mask(parseJson(payload) as object, record));
}

function withWay(destination: string, path: string, payload: unknown): Fields {
  const fields: Fields = new Map([["(sent to)", JSON.stringify(`${destination} ${path}`)]]);
  collect(payload, "", fields);
  return fields;
}

/** `fields.quantity`, `lines.0.name`: one entry for each value that holds no other. */
function collect(value: unknown, name: string, fields: Fields): void {
  const inner = isContainer(value) ? Object.entries(value) : [];
  if (inner.length === 0) fields.set(name, stringifyJson(value as object));
  for (const [key, held] of inner) collect(held, name ? `${name}.${key}` : key, fields);
}

function isContainer(value: unknown): value is object {
  return (
    Array.isArray(value) ||
    (typeof value === "object" &&
      value !== null &&
      Object.getPrototypeOf(value) === Object.prototype)
  );
}

function keysOf({ payload }: Sent): string {
  return Object.keys(parseJson(payload) as object).join(", ");
}
