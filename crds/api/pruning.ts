// A smaller model that is cut out of the base: other jobs train on it for little memory, and what
// they train is scattered to the whole base (LoRAM).
import * as z from 'zod';
import { rule } from '../schema/rule.ts';

const pruningFields = z.strictObject({
  channelsPercent: z
    .int32()
    .min(0)
    .max(99)
    .default(50)
    .describe('Share of the channels inside each MLP that is left out.'),
  headsPercent: z
    .int32()
    .min(0)
    .max(99)
    .default(0)
    .describe('Share of the key/value heads of each block, with their query heads.'),
  calibrationSequences: z
    .int32()
    .min(0)
    .max(4096)
    .default(32)
    .describe(
      'Sequences of the training data, the first ones: what adds least to the outputs of a block on them is left out. 0: by the weights alone.',
    ),
});

export const pruning = rule(pruningFields, {
  id: 'output.pruning: something is left out',
  cel: 'self.channelsPercent > 0 || self.headsPercent > 0',
  check: ({ channelsPercent, headsPercent }) => channelsPercent > 0 || headsPercent > 0,
  message: 'leaves out nothing: channelsPercent or headsPercent must be above 0',
});

export type Pruning = z.output<typeof pruning>;
