// The density loss of DEFT (Runwal et al. 2024).
//
// With h = act(gate) * up, the values between the two halves of an MLP:
//   L = L_task + w * mean over blocks, tokens and units of h² / (h² + ε)
// which counts values that are not zero, smoothly. Its gradient at h is 2 h ε / (h² + ε)²,
// computed in float32 and carried to gate and up: the backward of a block begins there too, so no
// tape grows. The mean is over all tokens of a step, prompts too, and every block. Only the loss of
// the task is reported as the loss. Density is the share of values above a hundredth of the root
// mean square of their block and sequence: gated activations are never zero. The authors take the
// output of the activation function; between gated halves this is its product, which `down_proj`
// reads.
import type { GatedHalves, InsideLoss } from '../../nn/inside.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface DensityTerm {
  readonly epsilon: number;
  /** Of each value: the weight, divided by the number of values of the step. */
  readonly coefficient: number;
}

/** Share of the root mean square above which a value is in use. */
const inUse = 0.01;
/** Values in one set of temporaries. */
const atOnce = 2 ** 18;

/** It measures what `densityOf` says. */
export function densityLoss(term: DensityTerm): InsideLoss {
  return {
    size: 2,
    gated: (halves) => ({
      at: [halves.gate, halves.up],
      gradients: () => densityGradients(halves, term),
      measured: () => densityOf(halves, term.epsilon),
    }),
  };
}

/** `[2]`, float64: the sum of h² / (h² + ε), and the number of values in use. */
export function densityOf(halves: GatedHalves, epsilon: number): Tensor {
  const { gate } = halves;
  return scope(() => {
    const [term, squares, above] = [0, 0, 0].map(() =>
      ops.zeros([], { dtype: 'float64', device: gate.device }),
    ) as [Tensor, Tensor, Tensor];
    byRows(halves, (part) => {
      const square = ops.square(productOf(part));
      ops.add_(squares, sumOf(square));
      ops.add_(term, sumOf(ops.div(square, ops.addScalar(square, epsilon))));
    });
    const bound = ops.mulScalar(squares, inUse ** 2 / Math.max(1, gate.numel));
    byRows(halves, (part) => {
      const isAbove = ops.gt(ops.square(productOf(part)), bound);
      ops.add_(above, sumOf(ops.to(isAbove, 'float32')));
    });
    return ops.stack([term, above]);
  });
}

/** The gradients of the term at gate and up, in their type. */
export function densityGradients(
  halves: GatedHalves,
  { epsilon, coefficient }: DensityTerm,
): readonly [gate: Tensor, up: Tensor] {
  const { gate, up, activation } = halves;
  return scope(() => {
    const [dGate, dUp] = [ops.emptyLike(gate), ops.emptyLike(up)];
    byRows(halves, (part, first) => {
      const h = productOf(part);
      const falls = ops.square(ops.addScalar(ops.square(h), epsilon));
      const pull = ops.div(ops.mulScalar(h, 2 * epsilon * coefficient), falls);
      const [g, u] = ops.swigluBackward(ops.to(pull, gate.dtype), part.gate, part.up, activation);
      const count = part.gate.shape[0] ?? 0;
      ops.copy_(ops.narrow(dGate, 0, first, count), g);
      ops.copy_(ops.narrow(dUp, 0, first, count), u);
    });
    return [dGate, dUp] as const;
  });
}

/** h in float32 at least. */
function productOf({ gate, up, activation }: GatedHalves): Tensor {
  const h = ops.swiglu(gate, up, activation);
  return h.dtype === 'float64' ? h : ops.to(h, 'float32');
}

/** The 1-norm, since nothing is negative: the result of `sum` depends on the number of threads. */
function sumOf(values: Tensor): Tensor {
  return ops.linalgVectorNorm(values, 1, null, false, { dtype: 'float64' });
}

function byRows(
  { gate, up, activation }: GatedHalves,
  body: (part: GatedHalves, first: number) => void,
): void {
  const [rows = 0, size = 1] = gate.shape;
  const step = Math.max(1, Math.floor(atOnce / size));
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    scope(() => {
      const some = (of: Tensor) => ops.narrow(of, 0, first, count);
      body({ gate: some(gate), up: some(up), activation }, first);
    });
  }
}
