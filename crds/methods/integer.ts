// INT2.1: Towards Fine-Tunable Quantized Large Language Models with Error Correction through
// Low-Rank Adaptation. Frozen weights as integers of very few bits, which are made with the inputs
// that layers have on training data, and adapters beside them that make up for what that lost:
//   y = x ((q - z) s)^T + scale x A^T B^T
import * as z from 'zod';
import { groupSize } from './group-size.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title:
    'INT2.1: Towards Fine-Tunable Quantized Large Language Models with Error Correction through Low-Rank Adaptation',
  arxiv: '2306.08162',
} as const;

export const integer = axisEntry({
  axis: 'base',
  type: 'Integer',
  member: 'integer',
  summary:
    'Linear layers of the blocks are stored as integers of 2, 3 or 4 bits, in groups, made by GPTQ on training data; all else stays dense.',
  paper,
  parameters: z.strictObject({
    bits: z.int32().min(2).max(4).default(2).describe('Bits of an integer.'),
    groupSize: groupSize('method.base: integer.groupSize')
      .default(64)
      .describe('Adjacent weights of a row that share a scale; must divide the inputs.'),
    range: z
      .enum(['Asymmetric', 'Symmetric'])
      .default('Asymmetric')
      .describe('Asymmetric: with a zero point. Symmetric: zero in the middle.'),
    calibrationSequences: z
      .int32()
      .min(0)
      .max(4096)
      .default(32)
      .describe('Training sequences whose inputs GPTQ sees. 0: rounds to nearest.'),
  }),
  words: ({ bits }) => `Int${bits}`,
});

export const int21Preset = {
  preset: 'INT21',
  summary: 'Low-rank adapters beside a base frozen in 2-bit integers by GPTQ, with AdamW.',
  axes: {
    base: { type: 'Integer' },
    adapter: { type: 'LoRA', lora: { rank: 32 } },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
