// What does not go together with noise on weights.

import { adapterTypes, trainsFactors } from '../methods/adapter-traits.ts';
import { fewBits, hasFewBits } from '../methods/few-bits.ts';
import { is, type Pair } from './pair.ts';

const ofFactors = adapterTypes((entry) => entry.trainsFactors === true);

export const pairsOfNoise: readonly Pair[] = [
  {
    id: 'noise follows the gradients of two factors',
    path: ['method', 'rule', 'type'],
    meets: (_, method) => method.rule.type === 'GGPO' && !trainsFactors(method),
    cel: `!${is('rule', 'GGPO')} || ${is('adapter', ...ofFactors)}`,
    sentence: `is GGPO, whose noise follows the gradients of the two factors of a change; method.adapter trains something else, or nothing (${ofFactors.join(', ')} do)`,
    hint: 'write adapter: { type: LoRA }, or rule: { type: None }',
  },
  {
    id: 'noise is added to weights that stay as they are',
    path: ['method', 'precision', 'type'],
    meets: (_, { precision, rule }) => rule.type === 'GGPO' && hasFewBits({ precision }),
    cel: `!${is('rule', 'GGPO')} || !${is('precision', ...fewBits)}`,
    sentence: 'quantizes frozen weights once; the rule GGPO changes them in each step',
    hint: 'write precision: { type: BFloat16 }, or rule: { type: None }',
  },
  {
    id: 'noise has a size',
    path: ['method', 'rule', 'ggpo'],
    meets: (_, { rule }) =>
      rule.type === 'GGPO' && Number(rule.ggpo.sigma) === 0 && Number(rule.ggpo.beta) === 0,
    sentence: 'has neither sigma nor beta above 0: no noise would be added',
    hint: 'write rule: { type: None }, or leave sigma out',
  },
];
