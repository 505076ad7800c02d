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
  // What has no preset has the first type.
  const isFirst = types.includes(first);
  const typeOf = ({ axes }: (typeof presets)[number]) =>
    (axes as Partial<Record<AxisName, { readonly type: string }>>)[axis]?.type ?? first;
  const hasOne = (preset: (typeof presets)[number]) => types.includes(typeOf(preset));
  const ones = presets.filter(hasOne);
  const others = presets.filter((preset) => !hasOne(preset));
  const filled = presetInCel(ones, others, isFirst);
  return `(has(${own}) ? ${amongInCel(`${own}.type`, types)} : ${filled})`;
}

type Presets = readonly { readonly preset: string }[];

/** Whether the preset is one of the first list; names are those of the shorter one. */
function presetInCel(ones: Presets, others: Presets, absentIsOne: boolean): string {
  if (ones.length === 0 && !absentIsOne) return 'false';
  if (others.length === 0 && absentIsOne) return 'true';
  const isShort = ones.length < others.length;
  const among = amongInCel(
    'self.method.preset',
    (isShort ? ones : others).map(({ preset }) => preset),
  );
  const has = 'has(self.method.preset)';
  if (isShort) return absentIsOne ? `!${has} || ${among}` : `${has} && ${among}`;
  return absentIsOne ? `!(${has} && ${among})` : `${has} && !(${among})`;
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
