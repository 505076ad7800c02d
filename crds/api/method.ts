// The method: one value for each axis. `preset` sets several axes; explicit fields override it.
import * as z from 'zod';
import { writtenAxis } from '../methods/axis.ts';
import { fullModules } from '../methods/full-modules.ts';
import { axisEntries, presets } from '../methods/index.ts';
import { rule } from '../schema/rule.ts';

const presetNames = presets.map((one) => one.preset);

const fields = z.strictObject({
  preset: z
    .enum(presetNames)
    .optional()
    // The CRD has little room, and each name is told at its axis and by `anneal explain`.
    .describe(
      'Short name of a method; sets the axes below that the job does not set. anneal explain NAME tells what it is.',
    ),
  precision: writtenAxis('precision', axisEntries.precision)
    .optional()
    .describe('Arithmetic of the linear layers. BFloat16 when absent.'),
  base: writtenAxis('base', axisEntries.base)
    .optional()
    .describe('How frozen weights are stored. Dense when absent.'),
  adapter: writtenAxis('adapter', axisEntries.adapter)
    .optional()
    .describe('Parameters that are added and trained instead of the weights. None when absent.'),
  selection: writtenAxis('selection', axisEntries.selection)
    .optional()
    .describe('Which tensors are trained in a step. All when absent.'),
  optimizer: writtenAxis('optimizer', axisEntries.optimizer)
    .optional()
    .describe('How a gradient becomes an update. AdamW when absent.'),
  rule: writtenAxis('rule', axisEntries.rule)
    .optional()
    .describe('What else a step does, with any adapter. None when absent.'),
  fullModules,
});

export const method = rule(fields, {
  id: 'method: says what is trained',
  cel: 'has(self.preset) || has(self.adapter)',
  check: (self) => self.preset !== undefined || self.adapter !== undefined,
  message: 'must have preset or adapter, so that a whole model is not trained by accident',
  hint: 'write preset: LoRA, or preset: Full',
});

export type Method = z.output<typeof method>;
