import { z } from "zod";
import { isJsonNumber, type JsonNumber, survivesDouble } from "./json.ts";

// A schema's `error` completes the sentence "<field>: expected …" and never shows a value.

export const text = z.string({ error: "text or null" }).nullable();

export const id = z.string({ error: "an id" }).refine((value) => !isBlank(value), "an id");

export const yesNo = z.boolean({ error: "true, false or null" }).nullable();

/** A number JSON can carry; Postgres writes NaN and the infinities as text, which is none. */
export const exactNumber = z
  .custom<JsonNumber>(isJsonNumber, "a finite number or null")
  .refine(survivesDouble, "a number that a double holds without loss")
  .nullable();

/** An exact number that must be there and be at least `least`; `whole` refuses fractions. */
export function numberFrom(least: number, kind: "whole" | "any") {
  const expected = `a ${kind === "whole" ? "whole " : ""}number of at least ${least}`;
  return z
    .custom<JsonNumber>(isJsonNumber, expected)
    .refine(survivesDouble, "a number that a double holds without loss")
    .refine((number) => {
      const value = Number(number.value);
      return value >= least && (kind === "any" || Number.isInteger(value));
    }, expected);
}

/** Payload side of the contract: a text, or null; never blank. */
export const payloadText = z.string().refine((value) => !isBlank(value), "text that is not blank");
export const payloadTextOrNull = payloadText.nullable();
export const payloadNumber = z.custom<JsonNumber>(isJsonNumber, "a number");

/** White space as Unicode has it, so U+00A0 too, and the byte order mark. */
const WHITE_SPACE = /[\p{White_Space}\uFEFF]+/u;

export function isBlank(value: string): boolean {
  return value.split(WHITE_SPACE).every((word) => word === "");
}

/** Blank text is no value; any other passes exactly as it stands. */
export function textOrNull(value: string | null): string | null {
  return value === null || isBlank(value) ? null : value;
}

/** First word and the rest, white space collapsed; null for what is not there. */
export function splitName(fullName: string | null): {
  first: string | null;
  rest: string | null;
} {
  const [first, ...rest] = (fullName ?? "").split(WHITE_SPACE).filter((word) => word !== "");
  return { first: first ?? null, rest: rest.length > 0 ? rest.join(" ") : null };
}

/** What a receiver calls a value of ours; a value that the table does not list passes as it is. */
export function translate<T extends string | null>(
  table: ReadonlyMap<string, string>,
  value: T,
): T | string {
  return value === null ? value : (table.get(value) ?? value);
}

const POSTGRES_TIME =
  /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(Z|([+-]\d\d)(?::?(\d\d))?(?::?(\d\d))?)?$/;

/**
 * A Postgres time as RFC 3339 in UTC with Z, its fraction as it was ("2026-11-22T03:01:37.123456Z").
 * A time without zone is taken for UTC. Null for what RFC 3339 cannot say: infinity, BC, year 10000.
 */
export function toUtc(time: string): string | null {
  const match = POSTGRES_TIME.exec(time);
  if (!match) return null;
  const [, date, clock, fraction = "", , hours = "+00", minutes = "00", seconds = "00"] = match;
  const sign = hours.startsWith("-") ? -1 : 1;
  const offset =
    sign * (Math.abs(Number(hours)) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  const local = Date.parse(`${date}T${clock}Z`);
  if (Number.isNaN(local)) return null;
  const utc = new Date(local - offset).toISOString();
  return /^\d{4}-/.test(utc) ? `${utc.slice(0, 19)}${fraction}Z` : null;
}
