// AdamW whose bias corrections know how often each value was updated, for values that come and go
// (adapters/spiel.ts):
//
//   a ← a + 1      m ← β1 m + (1 - β1) g      v ← β2 v + (1 - β2) g²
//   w ← w - η (m̂ / (√v̂ + ε) + λ w)      m̂ = m / (1 - β1^a)      v̂ = v / (1 - β2^a)
//
// State per parameter: m and v as adamw.ts has them in float32, and a in int32. Of places, which
// are whole numbers, gradients move the state alone: it is that of a value that stays zero. Each
// operation rounds by itself, so bits do not depend on how values are shared among threads.

import { Bug } from '../../../crds/failures/errors.ts';
import type { Device } from '../../tensor/device.ts';
import { exactType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import type { Optimizer, OptimizerState, UpdateStep } from './optimizer.ts';

interface AgedSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

export function agedAdamW(settings: AgedSettings): Optimizer {
  const corrections = [settings.beta1, settings.beta2].map((beta) => new Corrections(beta));
  return {
    name: 'AdamW',
    initialize(value) {
      const dtype = exactType(value.dtype);
      return {
        exp_avg: ops.zeros(value.shape, { dtype }),
        exp_avg_sq: ops.zeros(value.shape, { dtype }),
        age: ops.zeros(value.shape, { dtype: 'int32' }),
      };
    },
    update(value, gradient, state, step) {
      scope(() => {
        const { exp_avg: m, exp_avg_sq: v, age } = momentsOf(state);
        gather_(settings, { m, v, age }, gradient, step);
        if (value.dtype === 'int32') return;
        const [c1, c2] = corrections.map((each) => each.at(age, step.count, m)) as [Tensor, Tensor];
        const size = ops.addScalar_(ops.sqrt_(ops.div(v, c2)), settings.epsilon);
        const change = ops.mulScalar_(ops.div_(ops.div(m, c1), size), step.learningRate);
        const decay = step.decayed ? settings.weightDecay * step.learningRate : 0;
        ops.sub_(ops.mulScalar_(value, 1 - decay), change);
      });
    },
    endStep() {
      for (const each of corrections) each.free();
    },
  };
}

function momentsOf({ exp_avg, exp_avg_sq, age }: OptimizerState) {
  if (!exp_avg || !exp_avg_sq || !age) throw new Bug('AdamW with ages has no state');
  return { exp_avg, exp_avg_sq, age };
}

interface Moments {
  readonly m: Tensor;
  readonly v: Tensor;
  readonly age: Tensor;
}

function gather_(
  { beta1, beta2 }: AgedSettings,
  { m, v, age }: Moments,
  gradient: Tensor,
  { gradientScale }: UpdateStep,
): void {
  const g = ops.mulScalar(ops.to(gradient, m.dtype), gradientScale);
  ops.addScalar_(age, 1);
  ops.add_(ops.mulScalar_(m, beta1), ops.mulScalar(g, 1 - beta1));
  ops.add_(ops.mulScalar_(v, beta2), ops.mulScalar_(ops.square(g), 1 - beta2));
}

/** `1 - beta^age`, from a table of the step: powers of libtorch depend on where a value lies. */
class Corrections {
  readonly #beta: number;
  readonly #tables = new Map<string, Tensor>();

  constructor(beta: number) {
    this.#beta = beta;
  }

  /** `most` is the largest age; the result is like `like`. */
  at(age: Tensor, most: number, { dtype, device }: Tensor): Tensor {
    const key = `${dtype} ${device}`;
    const known = this.#tables.get(key) ?? this.#tableOf(most, dtype, device);
    this.#tables.set(key, known);
    return ops.indexSelect(known, 0, age);
  }

  free(): void {
    for (const table of this.#tables.values()) table.dispose();
    this.#tables.clear();
  }

  #tableOf(most: number, dtype: Tensor['dtype'], device: Device): Tensor {
    const values = Array.from({ length: most + 1 }, (_, age) => 1 - this.#beta ** age);
    return keep(scope(() => tensor(values, [most + 1], dtype), device));
  }
}
