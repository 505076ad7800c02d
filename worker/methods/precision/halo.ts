// HALO: Hadamard-Assisted Lower-Precision Optimization for LLMs (Ashkboos et al. 2025).
//
// Against plain mixed precision: the three products of a linear layer have operands in 8 bits, each
// with one scale for the tensor, computed from its present values (absmax / 127, or / 448 for
// e4m3). Rotations spread outliers before the scale is computed.
//   Y = q(X H) q(W H)^T · dX = B [q(B dY) q(W H)] H^T · dW = [q(dY)^T q(X H)] H^T
//   (level 2; all levels: kernels/halo/halo.h)
// H rotates channels, B blocks of tokens: activations have outlier channels, errors outlier tokens.
//
// State: only the weights. A weight is quantized at its first use and again after each update; the
// result serves all micro-batches of a step, a whole evaluation, or the whole run for a frozen
// weight. A resumed run computes the same values. Ranks of a world quantize each gathered block
// with the scale of the complete matrix, and drop the result with the block; a tape keeps its own
// reference. As in the release: one scale a tensor, e4m3 for errors too; embedding, head and norms
// are not quantized. Differences: an all-zero tensor has a scale (the release divides by zero),
// values above 448 saturate (a libtorch cast makes them NaN), biases are allowed, q, k and v
// quantize their input once, widths with any odd part are rotated, and an input that is not finite
// gives a loss that is not finite, which the job's nonFinitePolicy handles. Left out: one scale a
// row, errors in e5m2, gathering quantized weights.
import type { Parameter } from '../../engine/parameters.ts';
import * as ops from '../../tensor/ops.generated.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { isBlockLinear, type PlainLinear, type Precision } from './precision.ts';
import { WeightCodes } from './weight-codes.ts';

export interface HaloSettings {
  readonly format: 'INT8' | 'FP8' | 'Exact';
  readonly level: number;
  readonly reuses: boolean;
  readonly rotation: 'Hartley' | 'Hadamard' | 'Blocks';
  readonly tokenBlock: number;
  /** Whether the layer with this module path stays in the type of the model. */
  readonly excludes: (path: string) => boolean;
}

/** Constants of kernels/hadamard/hadamard.h. */
const formatCode = { Exact: 0, INT8: 1, FP8: 2 } as const;
const kindCode = { Hartley: 1, Hadamard: 2, Blocks: 3 } as const;
/** The most parts that a rotation mixes: kLargestPart of kernels/hadamard/plan.h. */
const mostParts = 1024;

export class Halo implements Precision {
  readonly name = 'HALO';
  readonly #settings: HaloSettings;
  readonly #codes: WeightCodes;

  constructor(settings: HaloSettings) {
    this.#settings = settings;
    const { format, level, rotation } = settings;
    const kind = level > 0 ? kindCode[rotation] : 0;
    this.#codes = new WeightCodes((weight) =>
      ops.quantizeRotated(ops.detach(weight), formatCode[format], kind),
    );
  }

  linears(x: Tensor, layers: readonly PlainLinear[]): readonly Tensor[] {
    const isPlain = layers.map(({ name, weight }) => this.#reason(name, weight.shape) !== null);
    const coded = layers.filter((_, i) => isPlain[i] === false);
    const products = coded.length === 0 ? [] : this.#products(x, coded);
    const next = products.values();
    return layers.map(
      ({ weight, bias }, i) =>
        (isPlain[i] ? undefined : next.next().value) ?? ops.linear(x, weight, bias),
    );
  }

  fallbacks(parameters: readonly Parameter[]): readonly string[] {
    const matrices = parameters.filter(isBlockLinear);
    const reasons = Map.groupBy(matrices, ({ name, shape }) => this.#reason(name, shape));
    return [...reasons].flatMap(([reason, layers]) =>
      reason === null
        ? []
        : [`${layers.length} of ${matrices.length} linear layers stay in bfloat16: ${reason}`],
    );
  }

  forget(name: string): void {
    this.#codes.forget(name);
  }

  forgetAll(): void {
    this.#codes.forgetAll();
  }

  #products(x: Tensor, layers: readonly PlainLinear[]): readonly Tensor[] {
    const { format, level, reuses, rotation, tokenBlock } = this.#settings;
    const part = this.#codes.of(layers);
    return ops.haloLinearGroup(
      x,
      layers.map(({ weight }) => weight),
      part(0),
      part(1),
      layers.map(({ bias }) => bias),
      level,
      formatCode[format],
      reuses,
      kindCode[rotation],
      tokenBlock,
    );
  }

  /** Why a layer is not computed in 8 bits; null for one that is. */
  #reason(name: string, [, inputs = 1]: readonly number[]): string | null {
    const { excludes, level, rotation } = this.#settings;
    if (excludes(name.replace(/\.weight$/, ''))) return 'the job excludes them';
    if (level === 0 || rotation === 'Blocks') return null;
    const parts = oddPart(inputs);
    if (parts <= mostParts) return null;
    return `their ${inputs} inputs have an odd part of ${parts}, and a rotation mixes at most ${mostParts} parts; rotation: Blocks has no such limit`;
  }
}

function oddPart(n: number): number {
  let odd = n;
  while (odd > 1 && odd % 2 === 0) odd /= 2;
  return odd;
}
