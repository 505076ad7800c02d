// LQ-LoRA: Low-rank plus Quantized Matrix Decomposition (Guo et al. 2024).
//
// Against LoRA on a quantized base: A and B begin with what quantizing loses, and the base is
// quantized without what they begin with.
//   W ~ Q + s B0 A0      y = x decode(Q)^T + s x A^T B^T      s = alpha / r
// Both parts are fitted in turn (quantized-split.ts); A0 and B0 are balanced, as those of PiSSA,
// which is one iteration of it. Trained: A and B in float32. Differences: the split before the
// error rises is kept, where the authors' code keeps the one after; vectors are found by the sketch
// of optimizers/subspace.ts unless the job asks for exact ones; the Fisher information, where it
// weighs the error, is that of whole training batches, where the paper takes single samples of
// other text. With a base of the type Mixed each matrix has a form of its own, within a budget of
// bits (train/mixed-forms.ts).
import { Bug } from '../../../crds/failures/errors.ts';
import { rankWithin } from '../../../crds/methods/adapter-shapes.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { subspaceFinder } from '../optimizers/subspace.ts';
import { type Adapter, factorA, factorB } from './adapter.ts';
import { type AdapterOf, asUnscaledLora } from './from-parameters.ts';
import { quantizedSplit, scaleOfWeights, weightsOf } from './quantized-split.ts';
import { loraTakingOver, type StandardLora } from './standard-lora.ts';

interface LqLoraSettings extends StandardLora {
  readonly iterations: number;
  /** Batches whose squared gradients weigh the error; 0 for none. */
  readonly fisherBatches: number;
  readonly directions: 'Exact' | 'Sketched';
  /** The values that a matrix of the base has once it is stored. */
  readonly quantized: (matrix: Tensor) => Tensor;
}

export const lqLoraOf: AdapterOf<'LQLoRA'> = (own, { quantized, ...common }) => {
  const { iterations, fisherBatches, directions } = own;
  return lqLora({
    ...asUnscaledLora(own, common),
    ...{ iterations, fisherBatches, directions, quantized: quantized ?? unquantized },
  });
};

function lqLora(given: LqLoraSettings): Adapter {
  const { directions, iterations, fisherBatches, quantized, ...settings } = given;
  const { rank, alpha } = settings;
  const fitting = { scale: alpha / rank, iterations, find: subspaceFinder(directions), quantized };
  const own: Required<Pick<Adapter, 'name' | 'decompose'>> = {
    name: 'LQLoRA',
    decompose(layer, { weight, importance, quantized: stored }) {
      const W = weight();
      const known = importance();
      const weights = known && weightsOf(known, W.dtype);
      const own = { ...fitting, rank: rankWithin(layer, rank), weights };
      if (stored !== null) own.quantized = stored;
      const { factors } = quantizedSplit(W, own);
      return { [factorA]: factors.A, [factorB]: factors.B };
    },
  };
  return {
    ...loraTakingOver(settings, own),
    fisherBatches,
    lossOf(layer, { weight, quantized: stored, importance }) {
      const weights = importance && weightsOf(importance, weight.dtype);
      const tried = { ...fitting, quantized: stored, iterations: Math.min(iterations, triedTurns) };
      const own = { ...tried, rank: rankWithin(layer, rank), weights };
      const { errors } = quantizedSplit(weight, own);
      return (errors.at(-1) ?? 0) ** 2 * (importance === null ? 1 : scaleOfWeights(importance));
    },
  };
}

/** Of both parts, while forms are compared. */
const triedTurns = 2;

function unquantized(): never {
  throw new Bug('LQ-LoRA begins with what quantizing loses, and the base is not quantized');
}
