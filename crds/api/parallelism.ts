// How one model is spread over devices. The plan chooses when nothing is said.
import * as z from 'zod';
import { mutable } from '../schema/mutability.ts';

const size = () => z.int32().min(1).max(4096).default(1);

export const parallelism = z.strictObject({
  strategy: z
    .enum([
      'Auto',
      'DataParallel',
      'ZeRO1',
      'ZeRO2',
      'FullyShardedDataParallel',
      'TensorParallel',
      'Pipeline',
      'Hybrid',
    ])
    .default('Auto')
    .describe(
      'Auto shards as much as the memory plan needs. The others are the names of the field.',
    ),
  tensorSize: size().describe('Devices that share each matrix product.'),
  pipelineSize: size().describe('Groups of blocks that work one after another.'),
  contextSize: size().describe('Devices that share one long sequence.'),
  expertSize: size().describe('Devices that share the experts of a layer.'),
  activationRecomputation: mutable(
    z.enum(['Auto', 'None', 'Full', 'Offload']).default('Auto'),
    'Suspended',
  ).describe(
    'What is kept between forward and backward. Auto: as much as memory allows, last blocks first. None: everything. Full: only the input of each block. Offload: as Full, with the inputs in host memory, or in a file where blocks are computed by processors.',
  ),
});

export type Parallelism = z.output<typeof parallelism>;
