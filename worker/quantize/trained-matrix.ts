// A matrix whose steps, zero points and, if asked, weights train so that its values on the grid do
// something better. What is rounded is as it ships at every update: scales are values of bfloat16,
// zero points integers, and gradients pass straight through (learned-step.ts).
//
//   s = s0 exp t     z = round(z0 + c)     w = w0 + v s0     t, c and v are 0 at first
//
// v counts in steps of the start, so that one learning rate suits groups of any size.
import {
  asBfloat16,
  codeRange,
  gradientsOnGrid,
  type IntegerGrid,
  onGrid,
  type Steps,
  storable,
  times_,
} from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Learning rates: of a scale relative to it, of the others in steps. */
interface StepRates {
  readonly scale: number;
  readonly zero: number;
  /** 0: weights stay, and have no moments. */
  readonly weight: number;
}

/** What is rounded, float32 `[O, I]`, and to which grid. */
export interface OnSteps {
  readonly weight: Tensor;
  readonly steps: Steps;
}

type Part = keyof StepRates;

interface Change {
  readonly value: Tensor;
  readonly best: Tensor;
  readonly moments: readonly [Tensor, Tensor];
}

const [beta1, beta2, eps] = [0.9, 0.999, 1e-12];

export class TrainedMatrix implements Disposable {
  readonly grid: IntegerGrid;
  readonly #rates: StepRates;
  readonly #start: OnSteps;
  readonly #changes = new Map<Part, Change>();

  /** Copies what it is given. */
  constructor(weight: Tensor, { scale, zero }: Steps, grid: IntegerGrid, rates: StepRates) {
    this.grid = grid;
    this.#rates = rates;
    const zeros = zero === null ? null : copyOf(zero);
    this.#start = { weight: copyOf(weight), steps: { scale: copyOf(scale), zero: zeros } };
    this.#change('scale', scale);
    if (zero !== null) this.#change('zero', zero);
    if (rates.weight > 0) this.#change('weight', weight);
  }

  /** Float32 `[O, I]`. */
  values(): Tensor {
    return scope(() => {
      const { weight, steps } = this.#with('value');
      return onGrid(weight, steps, this.grid);
    });
  }

  /** For the gradient `G` of its values, the `at`-th from 1; `share` of all learning rates. */
  update(G: Tensor, at: number, share: number): void {
    scope(() => {
      const { weight, steps } = this.#with('value');
      const found = gradientsOnGrid(weight, G, steps, this.grid);
      const gradients = {
        scale: () => ops.mul_(found.scale, steps.scale),
        zero: () => found.zero,
        weight: () => times_(found.weight, this.#start.steps.scale, this.grid),
      };
      for (const [part, { value, moments }] of this.#changes) {
        const gradient = gradients[part]();
        if (gradient === null) continue;
        const lr = share * this.#rates[part];
        const adam = { beta1, beta2, eps, weightDecay: 0, step: at, lr };
        ops.adamw_(value, gradient, ...moments, null, adam);
      }
    });
  }

  /** Takes the present values for the best. */
  mark(): void {
    for (const { value, best } of this.#changes.values()) scope(() => ops.copy_(best, value));
  }

  /** Goes back to the best values, with no moments. */
  restore(): void {
    for (const { value, best, moments } of this.#changes.values()) {
      scope(() => ops.copy_(value, best));
      for (const each of moments) scope(() => ops.zero_(each));
    }
  }

  /** The best; those of the start to the bit until others are marked. */
  best(): OnSteps {
    return this.#with('best');
  }

  [Symbol.dispose](): void {
    const { weight, steps } = this.#start;
    for (const each of [weight, steps.scale, steps.zero]) each?.dispose();
    for (const { value, best, moments } of this.#changes.values()) {
      for (const each of [value, best, ...moments]) each.dispose();
    }
  }

  #change(part: Part, like: Tensor): void {
    const zeros = (): Tensor => keep(scope(() => ops.zerosLike(like)));
    this.#changes.set(part, { value: zeros(), best: zeros(), moments: [zeros(), zeros()] });
  }

  #with(which: 'value' | 'best'): OnSteps {
    const [t, c, v] = (['scale', 'zero', 'weight'] as const).map(
      (part) => this.#changes.get(part)?.[which],
    );
    const { weight, steps } = this.#start;
    const [low, high] = codeRange(this.grid);
    return scope(() => ({
      weight:
        v === undefined
          ? ops.clone(weight)
          : ops.add_(times_(ops.clone(v), steps.scale, this.grid), weight),
      steps: {
        scale:
          t === undefined
            ? steps.scale
            : storable(asBfloat16(ops.mul(ops.exp(t), steps.scale)), this.grid),
        zero:
          c === undefined || steps.zero === null
            ? null
            : ops.clamp_(ops.round(ops.add(c, steps.zero)), this.grid.least?.zero ?? low, high),
      },
    }));
  }
}

function copyOf(of: Tensor): Tensor {
  return keep(scope(() => ops.clone(of)));
}
