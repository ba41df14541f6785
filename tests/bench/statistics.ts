/** The few figures that the benchmark is told in. Nothing here knows what was measured. */

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** The value below which this share of the samples lies, between the two nearest as percentile_cont does. NaN of nothing. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  // Two equal ones also when both are infinite: a row that never arrived.
  return below === above ? below : below + (above - below) * (position - Math.floor(position));
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

export function spread(samples: readonly number[]): Spread {
  return { median: median(samples), min: percentile(samples, 0), max: percentile(samples, 1) };
}

/**
 * Round by round, how many times the base: a machine that was slow in one round was slow for both.
 * Rounds that one of the two lacks are left out.
 */
export function ratios(figures: readonly number[], base: readonly number[]): number[] {
  return figures.flatMap((figure, round) => {
    const of = base[round];
    return of === undefined ? [] : [figure / of];
  });
}
