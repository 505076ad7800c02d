// What a job resolves to, as CEL on the spec. The value of an axis is the job's own, else that of
// its preset, else the first of the axis.
import * as z from 'zod';
import { celText } from '../schema/text.ts';
import { type AdapterOfEntry, adapterEntries, adapterTypes } from './adapter-traits.ts';
import { axisEntries, presets } from './index.ts';
import type { AxisName } from './method.ts';

/** Whether an axis of the job has one of these types. */
export function axisInCel(axis: AxisName, ...types: readonly string[]): string {
  const own = `self.method.${axis}`;
  const [{ type: first }] = axisEntries[axis];
  // The shorter list: what has no preset has the first type.
  const isFirst = types.includes(first);
  const others = presets.flatMap(({ preset, axes }) => {
    const { [axis]: value }: Partial<Record<AxisName, { readonly type: string }>> = axes;
    return types.includes(value?.type ?? first) === isFirst ? [] : [preset];
  });
  const isOther = `has(self.method.preset) && ${amongInCel('self.method.preset', others)}`;
  const filled = others.length === 0 ? `${isFirst}` : isFirst ? `!(${isOther})` : isOther;
  return `(has(${own}) ? ${amongInCel(`${own}.type`, types)} : ${filled})`;
}

function amongInCel(value: string, texts: readonly string[]): string {
  const [only] = texts;
  if (texts.length === 1 && only !== undefined) return `${value} == ${celText(only)}`;
  return `${value} in [${texts.map(celText).join(', ')}]`;
}

/** Whether the adapter changes its base: `changesBase` of adapter-traits.ts. */
export function changesBaseInCel(): string {
  const always = adapterTypes(({ changesBase }) => changesBase === true);
  const given = adapterEntries.flatMap((entry) =>
    typeof entry.changesBase === 'object' ? [givenInCel(entry, entry.changesBase)] : [],
  );
  return [axisInCel('adapter', ...always), ...given].join(' || ');
}

/** Whether the adapter is this one with these parameters, which no preset sets otherwise. */
export function givenInCel({ type, member, parameters }: AdapterOfEntry, given: object): string {
  const conditions = Object.entries(given).map(([name, value]) => {
    const path = ['self.method.adapter', member, name];
    const steps = path.map((_, index) => `has(${path.slice(0, index + 1).join('.')})`);
    const own = `${path.join('.')} == ${typeof value === 'string' ? celText(value) : value}`;
    const field: unknown = Reflect.get(parameters.shape, name);
    const isDefault = field instanceof z.ZodDefault && field.def.defaultValue === value;
    return isDefault
      ? `(${[...steps.map((step) => `!${step}`), own].join(' || ')})`
      : [...steps, own].join(' && ');
  });
  return `(${[axisInCel('adapter', type), ...conditions].join(' && ')})`;
}
