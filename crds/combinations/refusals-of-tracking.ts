// What does not go together with tracking objects, beside what no task of pictures has.
import type { Refusal } from './pairs-of-tasks.ts';

const adaptersOfTracking: readonly string[] = ['LoRA'];

const untriedOnTrackers = (is: string): string =>
  `is not tried on models that track objects in this version; ${is}`;

export const refusalsOfTracking: readonly Refusal[] = [
  {
    id: 'no teacher',
    path: ['training', 'distillation'],
    sentence: (is) => `compares tokens with those of a teacher, but ${is}`,
    meets: ({ training }) => training.distillation !== undefined,
    hint: 'leave it out',
  },
  {
    id: 'nothing is right or wrong',
    path: ['training', 'evaluation', 'earlyStopping', 'metric'],
    sentence: (is) => `is Accuracy, which is that of labels, but ${is}`,
    meets: ({ training }) => training.evaluation.earlyStopping?.metric === 'Accuracy',
    hint: 'write metric: Loss',
  },
  {
    id: 'adapters',
    path: ['method', 'adapter', 'type'],
    sentence: untriedOnTrackers,
    meets: (_, { adapter }) =>
      adapter.type !== 'None' && !adaptersOfTracking.includes(adapter.type),
    hint: 'write adapter: { type: LoRA }, or { type: None } to train all weights',
  },
  {
    id: 'all that trains moves',
    path: ['method', 'selection', 'type'],
    sentence: untriedOnTrackers,
    meets: (_, { selection }) => selection.type !== 'All' && selection.type !== 'None',
    hint: 'write selection: { type: All }',
  },
  {
    id: 'one optimizer',
    path: ['method', 'optimizer', 'type'],
    sentence: untriedOnTrackers,
    meets: (_, { optimizer }) => optimizer.type !== 'AdamW',
    hint: 'write optimizer: { type: AdamW }',
  },
  {
    id: 'no other rule',
    path: ['method', 'rule', 'type'],
    sentence: untriedOnTrackers,
    meets: (_, { rule }) => rule.type !== 'None',
    hint: 'write rule: { type: None }',
  },
];
