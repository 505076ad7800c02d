// Jobs that search a network, and want what does not go with that.
import type { Cases } from './cases-of-values.ts';

type Changes = Readonly<Record<string, unknown>>;

const architectureSearch = { warmupSteps: 10, learningRate: '1e-2' };
const plain = {
  'model.task': 'Restoration',
  'dataset.sequenceLength': undefined,
  method: { preset: 'QuantNAS' },
  'output.formats': ['MergedSafetensors'],
  training: { maxSteps: 20, globalBatchSize: 8, learningRate: '1e-3', architectureSearch },
};

/** Such a job with these changes, and without. */
function searching(changes: Changes) {
  return { meet: { ...plain, ...changes }, apart: plain };
}

export const casesOfSearches: Cases = {
  'networks for restoration are searched': searching({
    'model.task': undefined,
    'dataset.sequenceLength': 64,
  }),
  'a search has its own preset': searching({
    method: { preset: 'QuantNAS', precision: { type: 'BFloat16' } },
  }),
  'a search begins before the run ends': searching({
    training: { ...plain.training, maxSteps: 10 },
  }),
};
