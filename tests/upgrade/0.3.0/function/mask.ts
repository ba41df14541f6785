import { isJsonNumber } from "./json.ts";

/** A word that a mapper writes by itself: non-specifie, order_confirmation. */
const CONSTANT = /^[a-z]+(?:[_-][a-z]+)*$/;

/**
 * A payload that may be kept where anybody reads: letters become x, digits 0, numbers "<number>". Keys,
 * null, true and false stay, and words of the mapper's own, in which nothing of the record can be read.
 */
export function mask(payload: object, record: unknown): object {
  const told = textsOf(record).map((text) => text.trim().toLowerCase());
  return maskValue(payload, told) as object;
}

function maskValue(value: unknown, told: readonly string[]): unknown {
  if (typeof value === "string") return isOwnWord(value, told) ? value : maskText(value);
  if (isJsonNumber(value) || typeof value === "number") return "<number>";
  if (Array.isArray(value)) return value.map((inner) => maskValue(inner, told));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, maskValue(inner, told)]),
  );
}

function isOwnWord(value: string, told: readonly string[]): boolean {
  return (
    CONSTANT.test(value) &&
    told.every((text) => text === "" || !(value.includes(text) || text.includes(value)))
  );
}

function maskText(value: string): string {
  return value.replace(/\p{L}|\p{M}/gu, "x").replace(/\p{N}/gu, "0");
}

function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null || isJsonNumber(value)) return [];
  return Object.values(value).flatMap(textsOf);
}
