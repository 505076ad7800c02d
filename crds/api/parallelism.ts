// How a model is distributed over devices. Absent fields are chosen by the plan.
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
    .describe('Auto shards as much as the memory plan needs.'),
  tensorSize: size().describe('Tensor parallelism: devices that share each matrix product.'),
  pipelineSize: size().describe('Pipeline parallelism: number of stages.'),
  contextSize: size().describe('Context parallelism: devices that share one sequence.'),
  expertSize: size().describe('Expert parallelism: devices that share the experts of a layer.'),
  activationRecomputation: mutable(
    z.enum(['Auto', 'None', 'Full', 'Offload']).default('Auto'),
    'Suspended',
  ).describe(
    'Activations that are kept between forward and backward. Auto: as many as fit, last blocks first. None: nothing is recomputed. Full: only the input of each block. Offload: as Full, with the inputs in host memory, or in a file when training on processors.',
  ),
});

export type Parallelism = z.output<typeof parallelism>;
