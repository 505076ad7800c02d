// EVA: Explained Variance Adaptation (Paischer et al. 2024).
//
// Against LoRA: A begins in the directions in which the inputs of the layer vary most on the
// training data, and layers share their ranks by how much of that variance each direction explains.
//   C = cov(x)      A0 = the first R_l eigenvectors of C [R_l, I]      B0 = 0
//   y = x W^T + s (drop(x) A^T) B^T      s = alpha / R, whatever the layer's own rank R_l
// Step 0 is the base model. Trained: A and B in float32. Differences: C is computed from all tokens
// at once, where the authors and PEFT go batch by batch (incremental PCA) until directions settle,
// so it depends on no order; the first token of each document is left out unless the job wants it;
// A is not divided by singular values (`whiten`).
import { mostComponents } from '../../../crds/methods/eva.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { type Adapter, type Calibration, factorA, factorB } from './adapter.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

interface EvaSettings extends StandardLora {
  readonly calibration: Omit<Calibration, 'rank'>;
}

export const evaOf: AdapterOf<'EVA'> = (own, common) => {
  const { calibrationSequences: sequences, useLabelMask, maskFirstToken, directions } = own;
  const measured = { sequences, useLabelMask, maskFirstToken, directions };
  return eva({ ...asLora(own, common), calibration: { ...measured, most: mostComponents(own) } });
};

export function eva({ calibration, ...settings }: EvaSettings): Adapter {
  const { rank, dtype } = settings;
  return {
    ...standardLora(settings),
    name: 'EVA',
    calibration: { ...calibration, rank },
    decompose: (_, { components }) => ({ [factorA]: ops.clone(components()) }),
    initialize({ out }, initial) {
      const A = ops.clone(initial(factorA));
      return {
        trained: { [factorA]: A, [factorB]: ops.zeros([out, A.shape[0] ?? 0], { dtype }) },
      };
    },
  };
}
