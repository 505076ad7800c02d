// Products in 4 bits, forward and backward, computed exactly (kernels/fp4/fp4.h).
//
// NVFP4: Pretraining Large Language Models with NVFP4 (NVIDIA 2025). e2m1 with e4m3 scales of 16
// values below one float32 scale of the tensor. Weights have a scale for 16 x 16 values, so that
// forward and backward see the same weight; errors are rounded stochastically; what the gradient of
// a weight sums over is rotated by a Walsh-Hadamard matrix of 16 with random signs, one for the
// run. The last blocks stay in the type of the model.
//
// MXFP4: Training LLMs with MXFP4 (Tseng et al. 2025). e2m1 with powers of two as scales of 32
// values. Both operands of both gradients are rotated and rounded stochastically, so that gradients
// are those of the forward on average.
//
// Differences: what is rounded stochastically has scales that are rounded up, where NVIDIA rounds
// them to nearest and cuts values off, and Tseng et al. multiply by 3/4 first: so nothing is cut
// off, and the mean is exact. Rotations of MXFP4 have 32 values, its group, not 64. Its forward is
// in 4 bits too, as in Quartet (Castro et al. 2025), and so gradients are taken of its codes.
//
// Draws are by seed, step, sequence, layer and operand: a recomputed block, a resumed run and
// another world draw the same. State: only the weights; their codes serve until an update.
import type { Parameter } from '../../engine/parameters.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { streamOf } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { DropoutDraw } from '../adapters/adapter.ts';
import { isBlockLinear, type PlainLinear, type Precision } from './precision.ts';
import { WeightCodes } from './weight-codes.ts';

export interface Fp4Settings {
  readonly format: 'NVFP4' | 'MXFP4';
  readonly seed: bigint;
  /** Blocks from this one on stay in the type of the model. */
  readonly plainFrom: number;
}

/** Constants of kernels/fp4/fp4.h. */
const formatCode = { NVFP4: 1, MXFP4: 2 } as const;

export class Fp4 implements Precision {
  readonly name: Fp4Settings['format'];
  readonly #plainFrom: number;
  readonly #signs: bigint;
  readonly #codes: WeightCodes;

  constructor({ format, seed, plainFrom }: Fp4Settings) {
    this.name = format;
    this.#plainFrom = plainFrom;
    this.#signs = BigInt.asUintN(32, streamOf(seed, 'fp4 signs').key);
    const square = format === 'NVFP4';
    this.#codes = new WeightCodes((weight) =>
      ops.quantizeFp4(ops.detach(weight), formatCode[format], { square }),
    );
  }

  linears(x: Tensor, layers: readonly PlainLinear[], draw: DropoutDraw | null): readonly Tensor[] {
    const part = this.#codes.of(layers);
    return ops.fp4LinearGroup(
      x,
      layers.map(({ weight }) => weight),
      ...([part(0), part(1), part(2)] as const),
      layers.map(({ bias }) => bias),
      formatCode[this.name],
      this.#signs,
      layers.map(({ name }) => keyOf(name, draw)),
    );
  }

  computes(name: string): boolean {
    return blockOf(name) < this.#plainFrom;
  }

  fallbacks(parameters: readonly Parameter[]): readonly string[] {
    const all = parameters.filter(isBlockLinear);
    const plain = all.filter(({ name }) => !this.computes(name)).length;
    if (plain === 0) return [];
    return [
      `${plain} of ${all.length} linear layers stay in bfloat16: those of the last blocks, by bfloat16Blocks of ${this.name}`,
    ];
  }

  forget(name: string): void {
    this.#codes.forget(name);
  }

  forgetAll(): void {
    this.#codes.forgetAll();
  }
}

/** The number of the block in a name such as `model.layers.3.mlp.up_proj.weight`. */
function blockOf(name: string): number {
  return Number(/\.(\d+)\./.exec(name)?.[1] ?? 0);
}

/** An evaluation has no gradients, and draws nothing. */
function keyOf(name: string, draw: DropoutDraw | null): bigint {
  if (draw === null) return 0n;
  return streamOf(draw.seed, 'fp4', name, draw.step, draw.key).key;
}
