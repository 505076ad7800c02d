// The entry that a value of an axis names, with the parameters that the job has for it.
import type { AdapterTraits } from './adapter-entry.ts';
import { axisEntries } from './index.ts';
import type { AxisEntry, AxisName, Told } from './method.ts';
import type { ResolvedMethod } from './resolve.ts';

type Own = Readonly<Record<string, unknown>>;

interface Bound {
  readonly entry: Told<Own> & Partial<AdapterTraits<Own>>;
  readonly own: Own;
}

export function entryOf<Axis extends AxisName>(axis: Axis, value: ResolvedMethod[Axis]): Bound {
  const entries: readonly AxisEntry[] = axisEntries[axis];
  const found = entries.find(({ type }) => type === value.type);
  // A resolved value has the parameters of the entry of its type, under its member (resolveAxis),
  // so what the entry asks of them holds. Types cannot follow that through a search by type.
  const entry = (found ?? {}) as Bound['entry'];
  const own: unknown = found?.member === undefined ? {} : Reflect.get(value, found.member);
  return { entry, own: own as Own };
}
