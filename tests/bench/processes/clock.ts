/** Milliseconds of the machine's monotonic clock, which all processes of one machine share and nobody sets. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
