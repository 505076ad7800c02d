// Inputs of linear layers that are rounded while the model computes, each token by itself, as
// runtimes of compressed-tensors do: its largest value is the end of the grid.
//   s_t = max_j |x_tj| / half      x'_tj = round(x_tj / s_t) s_t
// half: half the width of the grid, 127.5 for Int8, 7.5 for Int4, 448 for Float8 (e4m3). All in the
// type of x, as that package computes it, whose values these are to the last bit. (Kernels of vLLM
// divide by 127 and in float32: their steps are 0.4 % larger.)
import type { Quantization } from '../../crds/api/quantization.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
import type { ModelConfig } from '../families/family.ts';
import type { Precision } from '../methods/precision/precision.ts';
import { dtypeEpsilon } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

export type InputGrid = Exclude<Quantization['activations'], 'None'>;

/** The ends of each grid. */
const ends = {
  Int8: [-128, 127],
  Int4: [-8, 7],
  Float8: [-448, 448],
} as const satisfies Record<InputGrid, readonly [low: number, high: number]>;

/** `x [T, I]`, each row on its own grid. */
export function roundedTokens(x: Tensor, grid: InputGrid): Tensor {
  const [low, high] = ends[grid];
  return scope(() => {
    const largest = ops.amax(ops.abs(x), [1], true);
    // By a tensor: a device would multiply by the reciprocal of a number.
    const steps = ops.div_(largest, ops.fullLike(largest, (high - low) / 2));
    ops.maskedFill_(steps, ops.eqScalar(steps, 0), dtypeEpsilon(x.dtype));
    const scaled = ops.clamp_(ops.div(x, steps), low, high);
    const codes =
      grid === 'Float8' ? ops.to(ops.to(scaled, 'float8_e4m3fn'), x.dtype) : ops.round(scaled);
    return ops.mul_(codes, steps);
  });
}

/** How quantized layers read their inputs, by their paths. */
export interface ReadInputs {
  /** Null: they are not rounded. */
  readonly grid: InputGrid | null;
  /** Layers that round nothing, whatever the grid. @default none */
  readonly exact?: ReadonlySet<string>;
  /** What an input `[·, I]` is divided by before it is rounded: `[I]`. @default nothing */
  readonly divisor?: ((path: string) => Tensor | null) | undefined;
}

/**
 * Layers that round no inputs: a layer that makes scales and shifts of time step and class reads
 * one row a picture and not one a token, so rounding saves nothing, and moves every token.
 */
export function exactlyRead(config: ModelConfig): ReadonlySet<string> {
  const exact = linearLayers(config).filter(({ role }) => role === 'modulation');
  return new Set(exact.map(({ path }) => path));
}

/** Products of the layers of a model that has such inputs. */
export function withRoundedInputs(read: ReadInputs): Precision {
  const { grid, exact, divisor } = read;
  return {
    name: grid ?? 'Divided',
    linears: (x, layers) => {
      const path = (layers[0]?.name ?? '').replace(/\.weight$/, '');
      const factors = divisor?.(path) ?? null;
      const divided = factors === null ? x : ops.div(x, ops.to(factors, x.dtype));
      const isRounded = grid !== null && exact?.has(path) !== true;
      const read = isRounded ? roundedTokens(divided, grid) : divided;
      return layers.map(({ weight, bias }) => ops.linear(read, weight, bias));
    },
    unrounded: divisor ? () => withRoundedInputs({ ...read, grid: null }) : null,
    fallbacks: () => [],
    forget: () => {},
    forgetAll: () => {},
  };
}

/** Null for inputs that stay as they are. */
export function inputGridOf({ activations }: Quantization): InputGrid | null {
  return activations === 'None' ? null : activations;
}
