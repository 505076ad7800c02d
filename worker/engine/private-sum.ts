// The gradient of a step under differential privacy (DP-SGD, Abadi et al. 2016):
//   g = ( sum_j g_j min(1, C / |g_j|) + N(0, (noise C)^2) ) / b
// with the norm of a record over all tensors together, noise once a step, and b the expected number
// of records, whatever their number is. One record more or less changes the sum by C at most.
//
// Sums and noise are in float64, so that rounding does not depend on other records in a way that
// counts. A record whose gradient is not finite adds nothing: leaving out the step instead would
// tell that the record is there.
import { Bug } from '../../crds/failures/errors.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { normal } from '../tensor/rng.ts';
import { scope } from '../tensor/scope.ts';
import type { Stream } from '../tensor/streams.ts';
import { item, type Tensor } from '../tensor/tensor.ts';
import type { Parameter } from './parameters.ts';
import type { Gradient } from './update.ts';

export interface PrivateSettings {
  /** C; may be infinite where there is no noise. */
  readonly clip: number;
  /** Deviation as a multiple of C. */
  readonly noise: number;
  /** Expected number of records of a step. */
  readonly batch: number;
  /** Of the noise of a tensor in this step. */
  stream(name: string): Stream;
}

export class PrivateSum {
  readonly #settings: PrivateSettings;
  readonly #sums: ReadonlyMap<string, Tensor>;

  /** In the scope that shall free its tensors. */
  constructor(parameters: readonly Parameter[], settings: PrivateSettings) {
    this.#settings = settings;
    this.#sums = new Map(
      parameters.map(({ name, shape }) => [name, ops.zeros([...shape], { dtype: 'float64' })]),
    );
  }

  /** Adds the gradients of one record; a tensor may come in parts. Does not take them over. */
  add(gradients: readonly Gradient[]): void {
    scope(() => {
      if (gradients.length === 0) return;
      const norms = gradients.map(({ value }) => norm64(value));
      const factor = factorOf(item(norm64(ops.stack(norms))), this.#settings.clip);
      if (factor === 0) return;
      for (const { parameter, value } of gradients) {
        ops.add_(this.#sumOf(parameter), value, { alpha: factor });
      }
    });
  }

  /** The noisy mean of these parameters. */
  finish(parameters: readonly Parameter[]): Gradient[] {
    const { clip, noise, batch, stream } = this.#settings;
    return parameters.map((parameter) => {
      const sum = this.#sumOf(parameter);
      const value = scope(() => {
        const noisy =
          noise === 0
            ? sum
            : ops.add(sum, normal(sum.shape, noise * clip, stream(parameter.name), 'float64'));
        return ops.to(ops.mulScalar(noisy, 1 / batch), exactType(parameter.value.dtype));
      });
      return { parameter, value };
    });
  }

  #sumOf({ name }: Parameter): Tensor {
    const sum = this.#sums.get(name);
    if (sum === undefined) throw new Bug(`${name} is not trained in this step`);
    return sum;
  }
}

function norm64(value: Tensor): Tensor {
  return ops.linalgVectorNorm(value, 2, null, false, { dtype: 'float64' });
}

/** Of a record; a little less than the quotient, so that rounding never exceeds the clip. */
function factorOf(norm: number, clip: number): number {
  if (!Number.isFinite(norm)) return 0;
  return norm <= clip ? 1 : (clip / norm) * (1 - 2 ** -40);
}
