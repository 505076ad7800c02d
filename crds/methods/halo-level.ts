import type { ResolvedMethod } from './resolve.ts';

type Halo = Extract<ResolvedMethod['precision'], { type: 'HALO' }>['halo'];

/**
 * The level that runs: e4m3 is exact relative to each number, so that rotations only spread what is
 * large.
 */
export function levelOf({ level, format }: Halo): number {
  return level ?? (format === 'FP8' ? 0 : 2);
}
