// A matrix of codes whose vectors and scales train while its codes stay, for gradients of what
// products read. Learning rates are shares of the root mean square of what they move.
import { type CodebookMatrix, decodeCodebook } from '../methods/weights/codebook.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';
import type { Trainee } from './window-training.ts';

interface Change {
  readonly value: Tensor;
  readonly best: Tensor;
  readonly moments: readonly [Tensor, Tensor];
  readonly rate: number;
}

const [beta1, beta2, eps] = [0.9, 0.95, 1e-12];

export class TrainedCodebook implements Trainee, Disposable {
  readonly #codes: Tensor;
  readonly #codebooks: Change;
  readonly #scales: Change;

  /** Copies what it is given; float32. */
  constructor({ codes, codebooks, scales }: CodebookMatrix, rate: number) {
    this.#codes = keep(scope(() => ops.clone(codes)));
    this.#codebooks = changeOf(codebooks, rate);
    this.#scales = changeOf(scales, rate);
  }

  /** Float32 `[O, I]`. */
  values(): Tensor {
    return decodeCodebook(this.#with('value'), 'float32');
  }

  update(G: Tensor, at: number, share: number): void {
    scope(() => {
      const { codes, codebooks, scales } = this.#with('value');
      const gradients = ops.codebookGradient(codes, codebooks, scales, G);
      for (const [i, { value, moments, rate }] of [this.#codebooks, this.#scales].entries()) {
        const gradient = gradients[i];
        const adam = { beta1, beta2, eps, weightDecay: 0, step: at, lr: share * rate };
        if (gradient !== undefined) ops.adamw_(value, gradient, ...moments, null, adam);
      }
    });
  }

  mark(): void {
    for (const { value, best } of [this.#codebooks, this.#scales]) {
      scope(() => ops.copy_(best, value));
    }
  }

  restore(): void {
    for (const { value, best } of [this.#codebooks, this.#scales]) {
      scope(() => ops.copy_(value, best));
    }
  }

  /** Those of the start to the bit until others are marked. */
  best(): CodebookMatrix {
    return this.#with('best');
  }

  [Symbol.dispose](): void {
    this.#codes.dispose();
    for (const { value, best, moments } of [this.#codebooks, this.#scales]) {
      for (const each of [value, best, ...moments]) each.dispose();
    }
  }

  #with(which: 'value' | 'best'): CodebookMatrix {
    return {
      codes: this.#codes,
      codebooks: this.#codebooks[which],
      scales: this.#scales[which],
    };
  }
}

function changeOf(start: Tensor, rate: number): Change {
  const copy = (): Tensor => keep(scope(() => ops.clone(start)));
  const zeros = (): Tensor => keep(scope(() => ops.zerosLike(start)));
  const size = scope(() => item(ops.linalgVectorNorm(start))) / Math.sqrt(start.numel);
  return { value: copy(), best: copy(), moments: [zeros(), zeros()], rate: rate * size };
}
