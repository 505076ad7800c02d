// What does not go together with a loss against a teacher.
import { is, type Pair } from './pair.ts';

export const pairsOfDistillation: readonly Pair[] = [
  {
    id: 'a student that begins as its teacher needs another loss',
    path: ['training', 'distillation', 'weight'],
    meets: ({ training: { distillation } }, { base, precision }) =>
      distillation !== undefined &&
      Number(distillation.weight) === 1 &&
      base.type === 'Dense' &&
      precision.type !== 'HALO',
    cel: `!has(self.training.distillation) || !has(self.training.distillation.weight) || double(self.training.distillation.weight) < 1.0 || !${is('base', 'Dense')} || ${is('precision', 'HALO')}`,
    sentence:
      'is 1, which leaves the divergence from the base as the only loss, but method.base is Dense: the model begins as its teacher, so there is nothing to learn',
    hint: 'write a weight below 1, or a base in few bits such as FakeQuantized',
  },
];
