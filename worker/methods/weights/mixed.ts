// Frozen weights in a form of its own for each matrix, as LQ-LoRA (Guo et al. 2024) stores them:
// 2, 3, 4 or 8 bits in groups of 32, 64 or 128, chosen before the model is built
// (worker/train/mixed-forms.ts). Differences: twelve forms where the paper has 432, most of which
// differ in how scales of scales are stored; fewer than four bits are whole numbers with a zero
// point, which lose less than quantiles of a normal distribution do.
import { Bug } from '../../../crds/failures/errors.ts';
import { formsOf, type MixedForm } from '../../../crds/plan/mixed-forms.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { int8 } from './int8.ts';
import { nearestIntegers } from './integer.ts';
import { nf4 } from './nf4.ts';
import type { WeightStore } from './weight-store.ts';

export function mixed({ averageBits }: { readonly averageBits: string }): WeightStore {
  return { name: 'Mixed', quantize: null, mixed: { averageBits } };
}

export function storeOfForm(form: MixedForm): WeightStore {
  if (form.type === 'Integer') return nearestIntegers(form.integer);
  return form.type === 'NF4' ? nf4(form.nf4) : int8(form.int8);
}

/** How a matrix with rows of this length is stored in the form at `place` of those that it has. */
export function quantizeAs(inputs: number, place: number): (matrix: Tensor) => Tensor {
  const form = formsOf({ in: inputs })[place];
  const quantize = form && storeOfForm(form).quantize;
  if (!quantize) throw new Bug(`a matrix of ${inputs} inputs has no form ${place}`);
  return quantize;
}
