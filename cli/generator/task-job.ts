// The records of a task as those of a job, which prepares them: none of it is trained. Pure.
import type { GeneratorSpec } from '../../crds/api/adapter-generator.ts';
import type { DataSource } from '../../crds/api/dataset.ts';
import { type FineTuneJobSpec, fineTuneJobSpec } from '../../crds/index.ts';

export function taskJob(
  { model, dataset, precision, destination }: GeneratorSpec,
  train: DataSource,
): FineTuneJobSpec {
  return fineTuneJobSpec.parse({
    model,
    dataset: { ...dataset, train },
    method: { preset: 'LoRA', precision: { type: precision } },
    training: { maxSteps: 1, globalBatchSize: 1, learningRate: '1' },
    output: { destination },
  });
}
