import type { ExecutionContext } from 'ava';
import { aWorldJob } from '../../e2e/world-run.ts';
import type { ToyJobOptions } from '../../toy/toy-job.ts';

/** Six steps of two workers, each on a device of its own. */
export function aJobOfTwoDevices(t: ExecutionContext, method: ToyJobOptions['method']) {
  return aWorldJob(t, {
    ...{ name: 'devices', method },
    sizes: { vocab_size: 320 },
    dataset: { sequenceLength: 48, heldOut: { samples: 1 } },
    training: {
      ...{ maxSteps: 6, globalBatchSize: 2, learningRate: '1e-3' },
      evaluation: { intervalSteps: 2 },
    },
    checkpoint: { intervalSteps: 2 },
    worker: { devicesPerWorker: 2 },
  });
}
