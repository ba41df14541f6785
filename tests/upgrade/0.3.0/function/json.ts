import { compareNumber, isLosslessNumber, LosslessNumber, parse, stringify } from "lossless-json";

/** A JSON number with the digits it came with: 19.90 stays 19.90, an id of 19 digits stays itself. */
export type JsonNumber = LosslessNumber;

/** Throws on anything that is not JSON, also on nesting deeper than the stack. */
export function parseJson(text: string): unknown {
  return parse(text);
}

/** The same value always gives the same bytes: keys keep the order in which they were written. */
export function stringifyJson(value: object): string {
  return stringify(value) ?? "null";
}

export function jsonNumber(value: number): JsonNumber {
  return new LosslessNumber(String(value));
}

export function isJsonNumber(value: unknown): value is JsonNumber {
  return isLosslessNumber(value);
}

/** Whether a receiver that reads numbers as doubles gets back the digits that we send. */
export function survivesDouble(number: JsonNumber): boolean {
  const double = Number(number.value);
  return Number.isFinite(double) && compareNumber(number.value, String(double)) === 0;
}
