// S2FT: structured sparse fine-tuning. Trains the weights of chosen channels of the MLPs and chosen
// heads, drawn over all layers of the model:
//   y = x W^T + x[:, c] V^T   for the columns c of down_proj and o_proj
//   y[:, c] += x V^T          for the rows c of up_proj, gate_proj and v_proj
// V starts at zero.
import * as z from 'zod';
import type { ModelFacts } from '../plan/model-facts.ts';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import type { AdapterShape } from './adapter-shapes.ts';
import { type LinearRole, linearsOf } from './linears.ts';

const paper = {
  title: 'S2FT: Efficient, Scalable and Generalizable LLM Fine-tuning by Structured Sparsity',
  arxiv: '2412.06289',
} as const;

const ratio = (of: string, preset: string) =>
  decimal({ min: 0, max: 1 }).default(preset).describe(`${of}; 0 for none, above 0 at least one.`);

const parameters = z.strictObject({
  downRatio: ratio('Share of the channels of all MLPs whose column of down_proj trains', '0.03'),
  upRatio: ratio('Share of the channels of all MLPs whose row of up_proj trains', '0'),
  gateRatio: ratio('Share of the channels of all MLPs whose row of gate_proj trains', '0'),
  outputRatio: ratio(
    'Share of the key/value heads whose columns of o_proj train, those of all query heads that read it',
    '0',
  ),
  valueRatio: ratio('Share of the key/value heads whose rows of v_proj train', '0'),
});

type Own = z.output<typeof parameters>;

export const s2ft = adapterEntry({
  type: 'S2FT',
  member: 's2ft',
  summary:
    'Trains the weights of drawn channels and heads, whose number differs between layers; all others stay frozen.',
  paper,
  use: {
    goal: 'less time and memory than LoRA',
    words: 'channels and heads, drawn over all layers',
  },
  parameters,
  words: (own) => `S2FT on ${partsInWords(own)}`,
  shape: ofChannels,
});

export const s2ftPreset = adapterPreset(
  s2ft,
  'Columns of down_proj for channels drawn over all layers of a frozen dense model, with AdamW; rows of the MLP and heads as asked for.',
);

/** How many of `all` a ratio is. */
export function shareOf(ratio: string, all: number): number {
  const share = Number(ratio);
  // The product of a decimal may be one unit below a whole number.
  return share === 0 ? 0 : Math.max(1, Math.floor(share * all + 1e-9));
}

/** Of channels and heads that are drawn over all layers: what a layer has on average. */
function ofChannels(ratios: Own, model: ModelFacts): AdapterShape {
  const { L, NH, NK, D, I } = model;
  const channels = (ratio: string) => shareOf(ratio, L * I) / L;
  const heads = (ratio: string) => (shareOf(ratio, L * NK) / L) * D;
  const up = channels(ratios.upRatio);
  const gate = channels(ratios.gateRatio);
  const value = heads(ratios.valueRatio);
  const rows: Partial<Record<LinearRole, number>> = {
    ...{ up, gate, gate_up: up + gate, v: value, qkv: value },
  };
  const columns: Partial<Record<LinearRole, number>> = {
    down: channels(ratios.downRatio),
    o: heads(ratios.outputRatio) * (NH / NK),
  };
  const isChosen = ({ role }: { readonly role: LinearRole }) =>
    (rows[role] ?? columns[role] ?? 0) > 0;
  return {
    targetModules: linearsOf(model).flatMap((linear) => (isChosen(linear) ? [linear.name] : [])),
    ...{ dropout: 0, made: () => 0, decomposing: null },
    count({ role, in: inputs, out }) {
      const [ofRows, ofColumns] = [rows[role] ?? 0, columns[role] ?? 0];
      return { trained: ofRows * inputs + ofColumns * out, kept: ofRows + ofColumns, taken: 0 };
    },
    ones: ({ role, in: inputs, out }) => (rows[role] ?? 0) * out + (columns[role] ?? 0) * inputs,
    perToken: ({ role }) => ({ exact: 0, copied: columns[role] ?? 0 }),
  };
}

/** `0.03 of down, 0.05 of value`. */
function partsInWords(ratios: Own): string {
  const parts = Object.entries(ratios).filter(([, ratio]) => Number(ratio) > 0);
  return parts.map(([name, ratio]) => `${ratio} of ${name.replace('Ratio', '')}`).join(', ');
}
