// S2FT: structured sparse fine-tuning. Trains the weights of chosen channels of the MLPs and chosen
// heads, drawn over all layers of the model:
//   y = x W^T + x[:, c] V^T   for the columns c of down_proj and o_proj
//   y[:, c] += x V^T          for the rows c of up_proj, gate_proj and v_proj
// V starts at zero.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'S2FT: Efficient, Scalable and Generalizable LLM Fine-tuning by Structured Sparsity',
  arxiv: '2412.06289',
} as const;

const ratio = (of: string, preset: string) =>
  decimal({ min: 0, max: 1 }).default(preset).describe(`${of}; 0 for none, above 0 at least one.`);

export const s2ft = axisEntry({
  axis: 'adapter',
  type: 'S2FT',
  member: 's2ft',
  summary:
    'Trains the weights of drawn channels and heads, whose number differs between layers; all others stay frozen.',
  paper,
  use: {
    goal: 'less time and memory than LoRA',
    words: 'channels and heads, drawn over all layers',
  },
  parameters: z.strictObject({
    downRatio: ratio('Share of the channels of all MLPs whose column of down_proj trains', '0.03'),
    upRatio: ratio('Share of the channels of all MLPs whose row of up_proj trains', '0'),
    gateRatio: ratio('Share of the channels of all MLPs whose row of gate_proj trains', '0'),
    outputRatio: ratio(
      'Share of the key/value heads whose columns of o_proj train, those of all query heads that read it',
      '0',
    ),
    valueRatio: ratio('Share of the key/value heads whose rows of v_proj train', '0'),
  }),
});

export const s2ftPreset = {
  preset: 'S2FT',
  summary:
    'Columns of down_proj for channels drawn over all layers of a frozen dense model, with AdamW; rows of the MLP and heads as asked for.',
  axes: {
    base: { type: 'Dense' },
    adapter: { type: 'S2FT' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;

/** How many of `all` a ratio is. */
export function shareOf(ratio: string, all: number): number {
  const share = Number(ratio);
  // The product of a decimal may be one unit below a whole number.
  return share === 0 ? 0 : Math.max(1, Math.floor(share * all + 1e-9));
}
