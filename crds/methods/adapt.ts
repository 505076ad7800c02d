// AdaPT: weights are rounded to fixed point wherever they are multiplied, and how many bits each
// layer has changes while it trains: as few as keep the histogram of its weights, and more where
// gradients of the last steps differ.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title:
    'Adaptive Precision Training (AdaPT): A dynamic fixed point quantized training approach for DNNs',
  arxiv: '2107.13490',
} as const;

export const adapt = axisEntry({
  axis: 'base',
  type: 'AdaPT',
  member: 'adapt',
  summary:
    'Linear layers of the blocks stay dense, and are rounded to fixed point wherever they are multiplied, in bits that each layer gets anew while it trains: simulated, so it saves no memory and no time.',
  paper,
  parameters: z.strictObject({
    strategy: z
      .enum(['Min', 'Mean', 'Max'])
      .default('Min')
      .describe(
        'Which of two numbers of bits to add, the least at first if the loss stops falling.',
      ),
    tolerance: decimal({ min: 0, max: 1 })
      .default('1e-4')
      .describe('Divergence of the histogram of rounded weights that is allowed, in nats.'),
    guardBits: z.int32().min(0).max(8).default(1).describe('Bits for weights that grow.'),
    minBits: z.int32().min(2).max(32).default(2).describe('Least bits. With 32, floats.'),
    minLookback: z.int32().min(1).max(10_000).default(25).describe('Least steps between changes.'),
    maxLookback: z.int32().min(1).max(10_000).default(100).describe('Most steps between changes.'),
  }),
});

export const adaptPreset = {
  preset: 'AdaPT',
  summary:
    'All weights, rounded to fixed point in as few bits as each layer needs at the time; simulated, so it saves neither memory nor time.',
  axes: {
    base: { type: 'AdaPT' },
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
