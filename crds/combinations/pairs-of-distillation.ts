// What does not go together with a loss against a teacher.
import { fewBits, hasFewBits } from '../methods/few-bits.ts';
import { decimalPattern } from '../schema/decimal.ts';
import { celText } from '../schema/text.ts';
import { is, type Pair } from './pair.ts';

const weight = 'self.training.distillation.weight';
/** Where it is no number, the rule of the field says so, and this one must not fail. */
const isNoNumber = `!${weight}.matches(${celText(decimalPattern.source)})`;

export const pairsOfDistillation: readonly Pair[] = [
  {
    id: 'a student that begins as its teacher needs another loss',
    path: ['training', 'distillation', 'weight'],
    meets: ({ training: { distillation } }, { base, precision }) =>
      distillation !== undefined &&
      Number(distillation.weight) === 1 &&
      base.type === 'Dense' &&
      !hasFewBits({ precision }),
    cel: `!has(self.training.distillation) || !has(${weight}) || ${isNoNumber} || double(${weight}) < 1.0 || !${is('base', 'Dense')} || ${is('precision', ...fewBits)}`,
    sentence:
      'is 1, which leaves the divergence from the base as the only loss, but method.base is Dense: the model begins as its teacher, so there is nothing to learn',
    hint: 'write a weight below 1, or a base in few bits such as FakeQuantized',
  },
];
