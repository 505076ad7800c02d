/** Counts results and prints the closing line that CI reads. */
import { seconds } from '../../cli/setup/steps.ts';

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Groups that did not run, by name. */
  readonly leftOut?: readonly string[];
  /** Of AVA and all that its tests started and waited for; absent where nothing told it. */
  readonly processorSeconds?: number;
}

export const nothing: Tally = { passed: 0, failed: 0, skipped: 0 };

export function add(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    leftOut: [...(a.leftOut ?? []), ...(b.leftOut ?? [])],
    ...(a.processorSeconds === undefined && b.processorSeconds === undefined
      ? {}
      : { processorSeconds: (a.processorSeconds ?? 0) + (b.processorSeconds ?? 0) }),
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

/** How long a group took, and whether it computed or waited. */
export function timeInWords(
  { processorSeconds }: Tally,
  { milliseconds, idle }: { milliseconds: number; idle: number },
): string {
  const computed =
    processorSeconds === undefined ? [] : [`${Math.round(processorSeconds)} s of processors`];
  const waited = `machine ${Math.round(100 * idle)} % idle`;
  return [seconds(milliseconds), ...computed, waited].join(', ');
}
