// From what a job writes to what runs: defaults of the seams, then the preset, then the job's own words, parameter by
// parameter. Where a job writes another `type` than the preset has, the preset's parameters of that seam are dropped.
import type { Method } from '../api/method.ts';
import { presets, seamEntries } from './index.ts';
import { type ResolvedSeam, resolveSeam } from './seam.ts';

type Entries = typeof seamEntries;

export interface ResolvedMethod {
  readonly precision: ResolvedSeam<Entries['precision'][number]>;
  readonly base: ResolvedSeam<Entries['base'][number]>;
  readonly adapter: ResolvedSeam<Entries['adapter'][number]>;
  readonly selection: ResolvedSeam<Entries['selection'][number]>;
  readonly optimizer: ResolvedSeam<Entries['optimizer'][number]>;
}

export function resolveMethod(method: Method): ResolvedMethod {
  const preset: Partial<Method> = presets.find((one) => one.preset === method.preset)?.seams ?? {};
  return {
    precision: resolveSeam(seamEntries.precision, overlay(preset.precision, method.precision)),
    base: resolveSeam(seamEntries.base, overlay(preset.base, method.base)),
    adapter: resolveSeam(seamEntries.adapter, overlay(preset.adapter, method.adapter)),
    selection: resolveSeam(seamEntries.selection, overlay(preset.selection, method.selection)),
    optimizer: resolveSeam(seamEntries.optimizer, overlay(preset.optimizer, method.optimizer)),
  };
}

function overlay<S extends { readonly type: string }>(below?: S, above?: S): S | undefined {
  if (below === undefined || above === undefined) return above ?? below;
  if (below.type !== above.type) return above;
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const under = merged[key];
    merged[key] = isObject(under) && isObject(value) ? Object.assign({}, under, value) : value;
  }
  // Both have the shape S, member by member.
  return merged as S;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
