export interface Point {
  readonly size: number;
  readonly value: number;
}

export interface PowerLaw {
  /** `e` of value ≈ c · size^e: 0 does not grow, 1 grows as the size does. */
  readonly exponent: number;
  /** How much of the spread the law explains, 0 to 1 (R²). */
  readonly fit: number;
}

/** Least squares on the logarithms; undefined with fewer than two sizes. Values that are not positive have no logarithm and are left out. */
export function powerLawOf(points: readonly Point[]): PowerLaw | undefined {
  const logs = points
    .filter(({ size, value }) => size > 0 && value > 0)
    .map((p) => [Math.log(p.size), Math.log(p.value)]);
  const mean = (at: 0 | 1): number => logs.reduce((sum, each) => sum + (each[at] ?? 0), 0) / logs.length;
  const [mx, my] = [mean(0), mean(1)];
  const sum = (a: 0 | 1, b: 0 | 1): number => {
    const means = [mx, my];
    return logs.reduce(
      (total, each) => total + ((each[a] ?? 0) - (means[a] ?? 0)) * ((each[b] ?? 0) - (means[b] ?? 0)),
      0,
    );
  };
  const xx = sum(0, 0);
  if (logs.length < 2 || xx === 0) return undefined;
  const exponent = sum(0, 1) / xx;
  const yy = sum(1, 1);
  return { exponent, fit: yy === 0 ? 1 : sum(0, 1) ** 2 / (xx * yy) };
}
