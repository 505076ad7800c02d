// AdaQuant, of Improving Post Training Neural Quantization: Layer-wise Calibration and Integer
// Programming (Hubara et al. 2020): weights, steps and zero points of a layer train so that its
// outputs on quantized inputs stay those of the trained model.
//
//   G = dL/dW' = 2 (E H - A)     E, H, A of drift.ts
//   w, s, z <- Adam, straight through rounding, on a cosine to zero
//
// A step costs O I^2 whatever the number of tokens, and none is kept. Few tokens are learnt by
// heart: what is kept is the update with the least loss on others, `held`. Against the release:
// learning rates are relative to steps, biases and ranges of activations do not train, and no
// activation function is part of the loss.
import type { IntegerGrid, Steps } from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { aimOf, type Drift, lossOf, total } from './drift.ts';
import { type OnSteps, TrainedMatrix } from './trained-matrix.ts';

export interface SeenInputs {
  readonly trained: Drift;
  /** Of other tokens. */
  readonly held: Drift;
}

interface AdaQuantStart {
  readonly start: Steps;
  readonly grid: IntegerGrid;
  readonly iterations: number;
}

const rates = { scale: 0.005, zero: 0.02, weight: 0.005 } as const;
/** Updates between two looks at the other tokens. */
const interval = 10;

/** `original [O, I]`, float32; 0 iterations give it back with the steps of the start. */
export function adaQuant(
  original: Tensor,
  { trained, held }: SeenInputs,
  { start, grid, iterations }: AdaQuantStart,
): OnSteps {
  return scope(() => {
    using matrix = new TrainedMatrix(original, start, grid, rates);
    const [aim, heldAim] = [aimOf(original, trained), aimOf(original, held)];
    const unit = 2 / (total(ops.mul(ops.linear(original, trained.gram), original)) || 1);
    const off = (): Tensor => scope(() => ops.sub_(matrix.values(), original));
    const look = (): number => scope(() => lossOf(off(), held.gram, heldAim));
    let least = look();
    for (let at = 1; at <= iterations; at += 1) {
      scope(() => {
        const G = ops.sub_(ops.linear(off(), trained.gram), aim);
        matrix.update(ops.mulScalar_(G, unit), at, cosine(at, iterations));
      });
      if (at % interval !== 0 && at !== iterations) continue;
      const loss = look();
      if (!(loss < least)) continue;
      least = loss;
      matrix.mark();
    }
    return matrix.best();
  });
}

/** The share of a learning rate in the `at`-th of so many updates, from 1 on. */
export function cosine(at: number, updates: number): number {
  return (1 + Math.cos((Math.PI * (at - 1)) / updates)) / 2;
}
