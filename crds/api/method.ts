// What changes and how: a point in the space of axes. `preset` is sugar for a known point; what the
// job writes itself wins.
import * as z from 'zod';
import { writtenAxis } from '../methods/axis.ts';
import { axisEntries, presets } from '../methods/index.ts';
import { rule } from '../schema/rule.ts';

const presetNames = presets.map((one) => one.preset);
const presetWords = presets.map((one) => `${one.preset}: ${one.summary}`).join(' ');

const fields = z.strictObject({
  preset: z
    .enum(presetNames)
    .optional()
    .describe(`Short name of a method; fills the axes below that are not written. ${presetWords}`),
  precision: writtenAxis('precision', axisEntries.precision)
    .optional()
    .describe('Arithmetic of the linear layers. BFloat16 when absent.'),
  base: writtenAxis('base', axisEntries.base)
    .optional()
    .describe('How frozen weights are stored. Dense when absent.'),
  adapter: writtenAxis('adapter', axisEntries.adapter)
    .optional()
    .describe('What is added to the model and trained in its place. None when absent.'),
  selection: writtenAxis('selection', axisEntries.selection)
    .optional()
    .describe('Which tensors are trained in a step. All when absent.'),
  optimizer: writtenAxis('optimizer', axisEntries.optimizer)
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
