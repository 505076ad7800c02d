// The tensors of one block, as what computes it reads them.
import type { DropoutDraw } from '../methods/adapters/adapter.ts';
import type { Delta } from '../methods/adapters/delta.ts';
import type { Precision } from '../methods/precision/precision.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { GatedHalves, Routing } from './inside.ts';
import type { LinearTensors, Tap } from './linear.ts';
import type { Mixture } from './mixture.ts';

/** The tensors of a block: values in the forward, leaves of a tape in the backward. */
export interface BlockTensors {
  /** A tensor by its full name in Hugging Face files. */
  weight(name: string): Tensor;
  hasWeight(name: string): boolean;
  /** The adapter's change to the linear layer at a module path; null where it has none. */
  delta(path: string): Delta | null;
  /** The experts of the MLP at a module path; null where it has none. */
  mixture(path: string): Mixture | null;
  /** Called with the input of each linear layer. */
  observe?(path: string, input: Tensor): void;
  /** Called with the two halves of the MLP. */
  gated?(halves: GatedHalves): void;
  /** Called with where the tokens went, in a mixture of experts. */
  routed?(routing: Routing): void;
  /** The tap of the linear layer with this weight, or null. */
  tap?(name: string): Tap | null;
  /**
   * The input of the linear layer at a module path on its grid, by the row `[1]` of the denoising
   * step; null where inputs are what they are.
   */
  readonly rounded: ((path: string, input: Tensor, row: Tensor) => Tensor) | null;
  /** Names the random streams of a step; null in evaluation, which has none. */
  readonly draw: DropoutDraw | null;
  /** Arithmetic of the linear layers; null: in the types of their tensors. */
  readonly precision: Precision | null;
}

/** Those of the linear layer at a module path. */
export function tensorsAt(tensors: BlockTensors, path: string): LinearTensors {
  const name = `${path}.weight`;
  const { draw, precision } = tensors;
  return {
    ...{ name, draw },
    precision: precision?.computes?.(name) === false ? null : precision,
    weight: tensors.weight(name),
    bias: tensors.hasWeight(`${path}.bias`) ? tensors.weight(`${path}.bias`) : null,
    delta: tensors.delta(path),
    observe: tensors.observe === undefined ? null : (x) => tensors.observe?.(path, x),
    tap: tensors.tap?.(name) ?? null,
  };
}
