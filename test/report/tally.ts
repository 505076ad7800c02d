/** Counts results and prints the closing line that CI reads. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Groups that did not run, by name. */
  readonly leftOut?: readonly string[];
}

export const nothing: Tally = { passed: 0, failed: 0, skipped: 0 };

export function add(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    leftOut: [...(a.leftOut ?? []), ...(b.leftOut ?? [])],
  };
}

export function closingLine({ passed, failed, skipped, leftOut = [] }: Tally): string {
  const rest = skipped > 0 ? `, ${skipped} skipped` : '';
  const missing = leftOut.length > 0 ? `; left out: ${leftOut.join(', ')}` : '';
  return `${passed} passed, ${failed} failed${rest}${missing}`;
}

/** Green means that something ran and nothing failed. */
export function exitCodeOf({ passed, failed }: Tally): number {
  return failed === 0 && passed > 0 ? 0 : 1;
}
