import * as ops from '../../../worker/tensor/ops.generated.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import { type AdapterTrial, exact, type Own } from '../adapter-trial.ts';
import { float32, int4 } from '../axis-values.ts';

export const trial: AdapterTrial = {
  identities: {
    LaMDA: {
      method: { adapter: { type: 'LaMDA', lamda: { rank: 4, alpha: '8', freezeFraction: '0.9' } } },
      start: 0,
      gradients: ofSquare,
    },
    'LaMDA from chance': {
      method: { adapter: { type: 'LaMDA', lamda: { rank: 4, initialization: 'LoRA' } } },
      start: 0,
      gradients: ofSquare,
    },
  },
  workers: {
    'lamda-int4': {
      ...{ preset: 'LaMDA', base: int4 },
      adapter: {
        type: 'LaMDA',
        lamda: { rank: 12, dropout: '0.1', freezeFraction: '0.5', allocation: 'Spectrum' },
      },
    },
  },
  device: {
    lamda: {
      method: {
        ...{ preset: 'LaMDA', precision: float32 },
        adapter: { type: 'LaMDA', lamda: { rank: 8, freezeFraction: '0.8' } },
      },
      gap: exact,
    },
  },
  peers: {
    lamda: {
      toy: 'llama',
      method: {
        ...{ preset: 'LaMDA', precision: float32 },
        adapter: { type: 'LaMDA', lamda: { rank: 24, alpha: '12', allocation: 'Spectrum' } },
      },
    },
  },
};

/** Of S and B, between which and a fixed A the product is. */
function ofSquare(own: Own, G: Tensor) {
  const [A, S, B] = [own('lora_A.weight'), own('lora_S.weight'), own('lora_B.weight')];
  const ofProduct = ops.mm(ops.mulScalar(G, 2), ops.t(A));
  return {
    'lora_S.weight': ops.mm(ops.t(B), ofProduct),
    'lora_B.weight': ops.mm(ofProduct, ops.t(S)),
  };
}
