// AQLM: Extreme Compression of Large Language Models via Additive Quantization. Each group of
// adjacent weights of a row is the sum of one vector from each codebook, times a scale of the row:
//   W[o, group j] = s_o * sum_k C_k[code[o, j, k]]
// `codebooks` x `bits` / `groupSize` bits per weight, plus codebooks and scales. Codes, vectors and
// scales are trained.
import * as z from 'zod';
import { axisEntry } from './method.ts';

export const codebook = axisEntry({
  axis: 'base',
  type: 'Codebook',
  member: 'codebook',
  summary:
    'Linear layers of the blocks are sums of vectors from codebooks, about 2 bits per weight, and are trained in this form; embeddings, head and norms stay dense.',
  paper: {
    title: 'Extreme Compression of Large Language Models via Additive Quantization',
    arxiv: '2401.06118',
  },
  parameters: z.strictObject({
    codebooks: z
      .int32()
      .min(1)
      .max(8)
      .default(2)
      .describe('Number of codebooks: a group of weights is the sum of one vector from each.'),
    bits: z
      .int32()
      .min(2)
      .max(8)
      .default(8)
      .describe('Bits of a code: a codebook has 2^bits vectors.'),
    groupSize: z
      .int32()
      .min(1)
      .max(32)
      .default(8)
      .describe('Adjacent weights of a row in a group; must divide the inputs of each layer.'),
    beam: z
      .int32()
      .min(1)
      .max(16)
      .default(4)
      .describe('Beam size of the search for the initial codes of each group.'),
    refinements: z
      .int32()
      .min(0)
      .max(100)
      .default(4)
      .describe(
        'Rounds of fitting codes, vectors and scales to the weights, after residual k-means.',
      ),
    calibrationSequences: z
      .int32()
      .min(0)
      .max(4096)
      .default(0)
      .describe('Training sequences on whose outputs they are then fitted. 0: none.'),
  }),
});
