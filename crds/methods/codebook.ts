// AQLM: Extreme Compression of Large Language Models via Additive Quantization. A group of
// neighbours of a row is the sum of one vector from each codebook, times a scale of the row:
//   W[o, group j] = s_o * sum_k C_k[code[o, j, k]]
// `codebooks` x `bits` / `groupSize` bits a weight; codebooks and scales come on top. Codes,
// vectors and scales train.
import * as z from 'zod';
import { axisEntry } from './method.ts';

export const codebook = axisEntry({
  axis: 'base',
  type: 'Codebook',
  member: 'codebook',
  summary:
    'Linear layers of the blocks are sums of vectors from codebooks, about 2 bits a weight, and train as such; embeddings, head and norms stay dense.',
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
      .describe('Vectors that a group of weights is the sum of, each from a codebook of its own.'),
    bits: z
      .int32()
      .min(2)
      .max(8)
      .default(8)
      .describe('Bits of a code: a codebook has two to the power of so many vectors.'),
    groupSize: z
      .int32()
      .min(1)
      .max(32)
      .default(8)
      .describe('Neighbours of a row in a group; it must divide the inputs of each layer.'),
    beam: z
      .int32()
      .min(1)
      .max(16)
      .default(4)
      .describe('Hypotheses that the search for the first codes keeps for each group.'),
    refinements: z
      .int32()
      .min(0)
      .max(100)
      .default(4)
      .describe(
        'How often codes, vectors and scales are fitted to the weights in turn, behind residual k-means.',
      ),
  }),
});
