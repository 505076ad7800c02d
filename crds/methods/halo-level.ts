import type { ResolvedMethod } from './resolve.ts';

type Halo = Extract<ResolvedMethod['precision'], { type: 'HALO' }>['halo'];

/**
 * The level that runs. e4m3 has a relative precision, so that rotations would only spread outliers.
 */
export function levelOf({ level, format }: Halo): number {
  return level ?? (format === 'FP8' ? 0 : 2);
}
