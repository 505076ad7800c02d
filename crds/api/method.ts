// What changes and how: a point in the space of seams. `preset` is sugar for a known point; what the job writes itself wins.
import * as z from 'zod';
import { presets, seamEntries } from '../methods/index.ts';
import { writtenSeam } from '../methods/seam.ts';
import { rule } from '../schema/rule.ts';

const presetNames = presets.map((one) => one.preset);
const presetWords = presets.map((one) => `${one.preset}: ${one.summary}`).join(' ');

const fields = z.strictObject({
  preset: z
    .enum(presetNames)
    .optional()
    .describe(`Short name of a method; fills the seams below that are not written. ${presetWords}`),
  precision: writtenSeam('precision', seamEntries.precision)
    .optional()
    .describe('Arithmetic of the linear layers. BFloat16 when absent.'),
  base: writtenSeam('base', seamEntries.base)
    .optional()
    .describe('How frozen weights are stored. Dense when absent.'),
  adapter: writtenSeam('adapter', seamEntries.adapter)
    .optional()
    .describe('What is added to the model and trained in its place. None when absent.'),
  selection: writtenSeam('selection', seamEntries.selection)
    .optional()
    .describe('Which tensors move at a step. All when absent.'),
  optimizer: writtenSeam('optimizer', seamEntries.optimizer)
    .optional()
    .describe('How a gradient becomes an update. AdamW when absent.'),
});

export const method = rule(fields, {
  id: 'method: says what is trained',
  cel: 'has(self.preset) || has(self.adapter)',
  check: (self) => self.preset !== undefined || self.adapter !== undefined,
  message: 'must have preset or adapter, so that nobody trains a whole model by accident',
  hint: 'write preset: LoRA, or preset: Full',
});

export type Method = z.output<typeof method>;
