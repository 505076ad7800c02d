// EVA: Explained Variance Adaptation (Paischer et al. 2024).
//
// Against LoRA: A begins in the directions in which the inputs of the layer vary most on the
// training data, and layers share their ranks by how much of that variance each direction explains.
//   C = cov(x)      A0 = the first R_l eigenvectors of C [R_l, I]      B0 = 0
//   y = x W^T + s (drop(x) A^T) B^T      s = alpha / R, whatever the layer's own rank R_l
// Step 0 is the base model. Trained: A and B in float32. Differences: C is computed from all tokens
// at once, where the authors and PEFT go batch by batch (incremental PCA) until directions settle,
// so it depends on no order; the first token of each document is left out unless the job wants it.
// With `whiten` row i of A is divided by sqrt(sigma_i), as in PEFT: sigma_i is that of the measured
// tokens, as many rows, relative to their mean.
import { mostComponents } from '../../../crds/methods/eva.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { tensor } from '../../tensor/tensor.ts';
import { type Adapter, type Calibration, type Components, factorA, factorB } from './adapter.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

interface EvaSettings extends StandardLora {
  readonly calibration: Omit<Calibration, 'rank'>;
  readonly whiten: boolean;
}

export const evaOf: AdapterOf<'EVA'> = (own, common) => {
  const { calibrationSequences: sequences, useLabelMask, maskFirstToken, directions } = own;
  const measured = { sequences, useLabelMask, maskFirstToken, directions };
  const calibration = { ...measured, most: mostComponents(own) };
  return eva({ ...asLora(own, common), calibration, whiten: own.whiten });
};

export function eva({ calibration, whiten, ...settings }: EvaSettings): Adapter {
  const { rank, dtype } = settings;
  return {
    ...standardLora(settings),
    name: 'EVA',
    calibration: { ...calibration, rank },
    decompose(_, { components }) {
      const first = components();
      return { [factorA]: whiten ? whitened(first) : ops.clone(first.rows) };
    },
    initialize({ out }, initial) {
      const A = ops.clone(initial(factorA));
      return {
        trained: { [factorA]: A, [factorB]: ops.zeros([out, A.shape[0] ?? 0], { dtype }) },
      };
    },
  };
}

/** Sums in float32 know a variance up to this part of the largest one. */
const rounding = 2 ** -23;

function whitened({ rows, singularValues }: Components) {
  const least = Math.sqrt(rounding) * (singularValues[0] ?? 0);
  // Inputs that do not vary at all have no length to divide by.
  const factors = singularValues.map((own) => 1 / Math.sqrt(Math.max(own, least) || 1));
  return ops.mul(rows, tensor(factors, [factors.length, 1], rows.dtype));
}
