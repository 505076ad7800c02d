import type { Tensor } from '../../../worker/tensor/tensor.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { type AdapterTrial, exact, type Own } from '../adapter-trial.ts';
import { float32, nf4 } from '../axis-values.ts';

/** Ranks of which no side of the toys is a multiple. */
export const trial: AdapterTrial = {
  identities: {
    RandLoRA: {
      method: { adapter: { type: 'RandLoRA', randLora: { rank: 6, alpha: '9' } } },
      start: 0,
      gradients: ofDiagonals,
    },
  },
  workers: {
    // Each rank holds all random matrices, and a part of the diagonals.
    'randlora-int8': {
      ...{ preset: 'RandLoRA', base: { type: 'Int8' } },
      adapter: { type: 'RandLoRA', randLora: { rank: 12 } },
    },
  },
  device: {
    'randlora of an NF4 base': {
      method: {
        ...{ preset: 'RandLoRA', precision: float32, base: nf4 },
        adapter: { type: 'RandLoRA', randLora: { rank: 12 } },
      },
      gap: exact,
    },
  },
  peers: {
    randlora: {
      toy: 'qwen2',
      method: {
        ...{ preset: 'RandLoRA', precision: float32 },
        adapter: { type: 'RandLoRA', randLora: { rank: 6, alpha: '9' } },
      },
    },
  },
};

/** By loops over the definition, with a scale of 1.5. */
function ofDiagonals(own: Own, G: Tensor) {
  const [out = 0, inputs = 0] = G.shape;
  const [rank = 0, bases = 0] = own('randlora_lambda').shape;
  const smaller = Math.min(out, inputs);
  const [A, B] = [cells(own('randlora_A')), cells(own('randlora_B'))];
  const [lambda, gamma] = [cells(own('randlora_lambda')), cells(own('randlora_gamma'))];
  const dense = cells(G);
  const ofLambda = new Float64Array(rank * bases);
  const ofGamma = new Float64Array(bases * smaller);
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j < bases; j++) {
      for (let short = 0; short < smaller; short++) {
        let product = 0;
        for (let long = 0; long < Math.max(out, inputs); long++) {
          const g = out < inputs ? dense(short, long) : dense(long, short);
          product += 1.5 * B(long, i * bases + j) * g;
        }
        add(ofLambda, i * bases + j, product * A(i, short) * gamma(j, short));
        add(ofGamma, j * smaller + short, product * A(i, short) * lambda(i, j));
      }
    }
  }
  return {
    randlora_lambda: tensor(ofLambda, [rank, bases], 'float64'),
    randlora_gamma: tensor(ofGamma, [bases, smaller], 'float64'),
  };
}

function cells(matrix: Tensor): (row: number, column: number) => number {
  const all = toArray(matrix);
  const [, width = 0] = matrix.shape;
  return (row, column) => all[row * width + column] ?? Number.NaN;
}

function add(sums: Float64Array, place: number, term: number): void {
  sums[place] = (sums[place] ?? Number.NaN) + term;
}
