import { InvalidArgumentError } from "commander";

/** For commander: a whole number above 0, or wrong usage. */
export function toCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError("a whole number above 0");
}

/** The same of an argument that may be given several times. */
export function addCount(text: string, counts: number[] = []): number[] {
  return [...counts, toCount(text)];
}
