/** What a mapper knows besides the record. */
export type MappingContext = {
  /** Time of the change, as the envelope carries it. */
  capturedAt: string;
  /** SITE_URL without a slash at its end. */
  site: string;
};

/** Thrown by a mapper for a value of its context that makes the payload impossible. */
export class UnusableValue extends Error {
  constructor(
    readonly field: string,
    readonly expected: string,
  ) {
    super(`${field}: expected ${expected}`);
  }
}
