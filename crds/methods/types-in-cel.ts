// The value of an axis that a job resolves to, as CEL on the spec: the job's own, else that of its
// preset, else the first of the axis.
import { celText } from '../schema/text.ts';
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
