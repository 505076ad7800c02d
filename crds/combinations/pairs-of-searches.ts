// What does not go together with searching the operations and bits of a network (QuantNAS).
import type { FineTuneJobSpec } from '../api/job.ts';
import type { Pair } from './pair.ts';

const path = ['training', 'architectureSearch'];

/** Of jobs that search. */
const searching =
  (meets: Pair['meets']): Pair['meets'] =>
  (spec, own) =>
    spec.training.architectureSearch !== undefined && meets(spec, own);

/** What a search leaves to its preset. */
const left = ['precision', 'base', 'adapter', 'selection', 'rule'] as const;

const isOther: Pair['meets'] = ({ method: written }, { optimizer }) =>
  written.preset !== 'QuantNAS' ||
  left.some((axis) => written[axis] !== undefined) ||
  optimizer.type !== 'AdamW';

const neverBegins = ({ training }: FineTuneJobSpec): boolean => {
  const { architectureSearch: search, maxSteps } = training;
  return search !== undefined && maxSteps !== undefined && search.warmupSteps >= maxSteps;
};

export const pairsOfSearches: readonly Pair[] = [
  {
    id: 'networks for restoration are searched',
    path,
    meets: searching(({ model }) => model.task !== 'Restoration'),
    cel: "!has(self.training.architectureSearch) || has(self.model.task) && self.model.task == 'Restoration'",
    sentence: 'is set, but spec.model.task is not Restoration: no other networks are searched',
    hint: 'leave it out, or set spec.model.task: Restoration',
  },
  {
    id: 'a search has its own preset',
    path: ['method'],
    code: 'E_NOT_BUILT',
    meets: searching(isOther),
    cel: `!has(self.training.architectureSearch) || has(self.method.preset) && self.method.preset == 'QuantNAS' && ${left.map((axis) => `!has(self.method.${axis})`).join(' && ')} && (!has(self.method.optimizer) || self.method.optimizer.type == 'AdamW')`,
    sentence: 'is not preset QuantNAS, or has other axes; a search was tried with none of them',
    hint: 'write method: { preset: QuantNAS }; of its axes, optimizer: { type: AdamW } may have parameters',
  },
  {
    id: 'a search begins before the run ends',
    path: [...path, 'warmupSteps'],
    meets: neverBegins,
    cel: '!has(self.training.architectureSearch) || !has(self.training.maxSteps) || self.training.architectureSearch.warmupSteps < self.training.maxSteps',
    sentence: 'must be less than training.maxSteps, or nothing is searched',
    hint: 'half of the steps is usual',
  },
];
