// Sizes of a language model as an object of the API keeps them, so that whoever serves it can plan
// before there is a pod that could read its files.
import * as z from 'zod';

const size = () => z.int().min(1);
const values = () => z.int().min(0);

export const modelSizes = z.strictObject({
  vocabulary: size().describe('Tokens of the vocabulary.'),
  hidden: size().describe('Width of the residual stream.'),
  blocks: size().describe('Blocks.'),
  heads: size().describe('Query heads.'),
  keyValueHeads: size().describe('Key and value heads.'),
  headSize: size().describe('Width of a head.'),
  mlp: size().describe('Channels of an MLP.'),
  traits: z
    .array(z.enum(['TiedHead', 'Fused', 'BiasQKV', 'BiasO', 'BiasMLP', 'NormQK', 'SandwichNorms']))
    .max(7)
    .describe('What its family has beside that.'),
  bfloat16Values: values().describe('Values that its files have in bfloat16.'),
});

export type ModelSizes = z.output<typeof modelSizes>;
