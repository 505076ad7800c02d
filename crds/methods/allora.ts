// ALLoRA: Adaptive Learning Rate Mitigates LoRA Fatal Flaws. The update of each row w of an
// adapter's matrices is multiplied by
//   c(w) = 1 / sqrt(|w| + 1 / eta^2)
// which is eta for a row of zeros, as those of B are at first.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { besideDense } from './adapter-entry.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'ALLoRA: Adaptive Learning Rate Mitigates LoRA Fatal Flaws',
  arxiv: '2410.09692',
} as const;

export const allora = axisEntry({
  axis: 'rule',
  type: 'ALLoRA',
  member: 'allora',
  summary:
    "Each row of an adapter's matrices has its own learning rate, the larger the nearer the row is to zero. A reconstruction: the paper's code is not public.",
  paper,
  parameters: z.strictObject({
    eta: decimal({ above: 0, below: 1000 })
      .default('2')
      .describe('Factor on the update of a row of zeros.'),
  }),
  words: ({ eta }) => `rates of rows by ALLoRA, eta=${eta}`,
});

export const alloraPreset = {
  preset: 'ALLoRA',
  summary:
    'LoRA without dropout and scaling, whose rows have learning rates that fall as they grow.',
  axes: {
    ...besideDense({ type: 'LoRA', lora: { rank: 16, alpha: '16' } }),
    rule: { type: 'ALLoRA' },
  },
  paper,
} as const satisfies Preset;
