// Gradients of an adapter's matrices for the dense gradient `G [O, I]`, by the chain rule. The
// scale is 2 wherever there is one.
import * as ops from '../../worker/tensor/ops.generated.ts';
import type { Tensor } from '../../worker/tensor/tensor.ts';
import type { Own } from './adapter-trial.ts';

/** Of A and B. */
export function ofTwo(own: Own, G: Tensor) {
  return {
    'lora_A.weight': ops.mulScalar(ops.mm(ops.t(own('lora_B.weight')), G), 2),
    'lora_B.weight': ops.mulScalar(ops.mm(G, ops.t(own('lora_A.weight'))), 2),
  };
}

/** Of A, B and a diagonal between them. */
export function ofDiagonal(suffix: string) {
  return (own: Own, G: Tensor) => {
    const [A, B, d] = [own('lora_A.weight'), own('lora_B.weight'), own(suffix)];
    const scaled = ops.mulScalar(G, 2);
    const ofB = ops.mm(scaled, ops.t(A));
    return {
      'lora_A.weight': ops.mm(ops.t(ops.mul(B, d)), scaled),
      'lora_B.weight': ops.mul(ofB, d),
      [suffix]: ops.sumDim(ops.mul(B, ofB), [0]),
    };
  };
}

/** Of A, N and B. */
export function ofThree(own: Own, G: Tensor) {
  const [A, B] = [own('lora_A.weight'), own('lora_B.weight')];
  const N = own('lora_N.weight');
  const scaled = ops.mulScalar(G, 2);
  return {
    'lora_A.weight': ops.mm(ops.t(ops.mm(B, N)), scaled),
    'lora_N.weight': ops.mm(ops.mm(ops.t(B), scaled), ops.t(A)),
    'lora_B.weight': ops.mm(scaled, ops.t(ops.mm(N, A))),
  };
}

/** Of a square matrix between fixed A and B, without a scale. */
export function ofMiddle(own: Own, G: Tensor) {
  const [A, B] = [own('lora_A.weight'), own('lora_B.weight')];
  return { 'lora_R.weight': ops.mm(ops.mm(ops.t(B), G), ops.t(A)) };
}
