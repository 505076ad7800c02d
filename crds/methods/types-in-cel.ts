// What a job resolves to, as CEL on the spec. The value of an axis is the job's own, else that of
// its preset, else the first of the axis.
import * as z from 'zod';
import { celText } from '../schema/text.ts';
import { type AdapterOfEntry, adapterEntries, adapterTypes } from './adapter-traits.ts';
import { axisEntries, presets } from './index.ts';
import type { AxisName } from './method.ts';

export function typeInCel(axis: AxisName): string {
  const own = `self.method.${axis}`;
  const [{ type: first }] = axisEntries[axis];
  const filled = presets.flatMap((one) => {
    const { [axis]: value }: Partial<Record<AxisName, { readonly type: string }>> = one.axes;
    return value === undefined || value.type === first ? [] : [[one.preset, value.type] as const];
  });
  const byPreset = filled
    .map(([preset, type]) => `${celText(preset)}: ${celText(type)}`)
    .join(', ');
  const known = `has(self.method.preset) && self.method.preset in {${byPreset}}`;
  const ofPreset = `${known} ? {${byPreset}}[self.method.preset] : ${celText(first)}`;
  return `(has(${own}) ? ${own}.type : ${filled.length === 0 ? celText(first) : ofPreset})`;
}

/** Whether the adapter is one of these. */
export function adapterInCel(types: readonly string[]): string {
  return `${typeInCel('adapter')} in [${types.map(celText).join(', ')}]`;
}

/** Whether the adapter changes its base: `changesBase` of adapter-traits.ts. */
export function changesBaseInCel(): string {
  const always = adapterTypes(({ changesBase }) => changesBase === true);
  const given = adapterEntries.flatMap((entry) =>
    typeof entry.changesBase === 'object' ? [givenInCel(entry, entry.changesBase)] : [],
  );
  return [adapterInCel(always), ...given].join(' || ');
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
  return `(${[`${typeInCel('adapter')} == ${celText(type)}`, ...conditions].join(' && ')})`;
}
