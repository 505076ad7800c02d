// Which value of a seam a job resolves to, as CEL asks it of a spec: the job's own, else that of its preset, else the first of the seam.
import { celText } from '../schema/text.ts';
import { presets, seamEntries } from './index.ts';
import type { SeamName } from './method.ts';

export function typeInCel(seam: SeamName): string {
  const own = `self.method.${seam}`;
  const [{ type: first }] = seamEntries[seam];
  const filled = presets.flatMap((one) => {
    const { [seam]: value }: Partial<Record<SeamName, { readonly type: string }>> = one.seams;
    return value === undefined || value.type === first ? [] : [[one.preset, value.type] as const];
  });
  const byPreset = filled
    .map(([preset, type]) => `${celText(preset)}: ${celText(type)}`)
    .join(', ');
  const known = `has(self.method.preset) && self.method.preset in {${byPreset}}`;
  const ofPreset = `${known} ? {${byPreset}}[self.method.preset] : ${celText(first)}`;
  return `(has(${own}) ? ${own}.type : ${filled.length === 0 ? celText(first) : ofPreset})`;
}
