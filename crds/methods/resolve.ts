// Resolves a method: defaults of the axes, then the preset, then the job's own values, parameter by
// parameter. If a job sets another `type` than its preset, the preset's parameters of that axis are
// dropped.
import type { Method } from '../api/method.ts';
import type { DecidedRanks } from './adapter-shapes.ts';
import { type ResolvedAxis, resolveAxis } from './axis.ts';
import type { FullModule } from './full-modules.ts';
import { axisEntries, presets } from './index.ts';
import { withGrowth } from './spiel.ts';

type Entries = typeof axisEntries;

export interface ResolvedMethod {
  readonly precision: ResolvedAxis<Entries['precision'][number]>;
  readonly base: ResolvedAxis<Entries['base'][number]>;
  readonly adapter: ResolvedAxis<Entries['adapter'][number]>;
  readonly selection: ResolvedAxis<Entries['selection'][number]>;
  readonly optimizer: ResolvedAxis<Entries['optimizer'][number]>;
  readonly rule: ResolvedAxis<Entries['rule'][number]>;
  /** What trains whole beside an adapter; each once. */
  readonly fullModules: readonly FullModule[];
  /** Ranks that data or weights decided; absent before, where only their bounds are known. */
  readonly ranks?: DecidedRanks;
}

export function resolveMethod(method: Method): ResolvedMethod {
  const preset: Partial<Method> = presets.find((one) => one.preset === method.preset)?.axes ?? {};
  const adapter = resolveAxis(axisEntries.adapter, overlay(preset.adapter, method.adapter));
  const optimizer = resolveAxis(axisEntries.optimizer, overlay(preset.optimizer, method.optimizer));
  return {
    precision: resolveAxis(axisEntries.precision, overlay(preset.precision, method.precision)),
    base: resolveAxis(axisEntries.base, overlay(preset.base, method.base)),
    adapter:
      adapter.type === 'SpIEL'
        ? { ...adapter, spiel: withGrowth(adapter.spiel, optimizer.type) }
        : adapter,
    selection: resolveAxis(axisEntries.selection, overlay(preset.selection, method.selection)),
    optimizer,
    rule: resolveAxis(axisEntries.rule, overlay(preset.rule, method.rule)),
    fullModules: [...new Set(method.fullModules ?? [])].sort(),
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
