// Gradients that are never made, against those that are: the same steps, to the last digits of
// float64.
import test from 'ava';
import { freshState } from '../../../worker/checkpoint/trainer-state.ts';
import { adamW } from '../../../worker/methods/optimizers/adamw.ts';
import { exactSubspaces, galore } from '../../../worker/methods/optimizers/galore.ts';
import type { Optimizer } from '../../../worker/methods/optimizers/optimizer.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { train } from '../../../worker/train/loop.ts';
import {
  countUp,
  plainAdamW,
  Training,
  type TrainingOptions,
} from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';

test.before(() => setThreads(1));

const batches = [0, 1].map((n) => [
  aSequence([countUp(n, 9), countUp(n + 20, 5)], 2 * n),
  aSequence([countUp(n + 11, 12)], 2 * n + 1),
]);

const refreshSteps = 4;
const totalSteps = 6;
const unreached = { mode: 'Global', norm: 1e9 } as const;

/** Without `projector` gradients are made at each step. */
function withGalore(counts: { factors: number }, makes: boolean): Optimizer {
  const settings = { rank: 4, scale: 1, weightDecay: 0.01, masterWeights: 'Float32' } as const;
  const optimizer = galore(
    settings,
    adamW({ ...plainAdamW, epsilon: 1e-4 }),
    exactSubspaces(refreshSteps),
  );
  const { projection } = optimizer;
  if (projection === undefined) throw new Error('GaLore projects nothing');
  const projector: typeof projection.projector = (...asked) => {
    const project = makes ? null : projection.projector(...asked);
    if (project === null) return null;
    return (dy, x) => {
      counts.factors += 1;
      return project(dy, x);
    };
  };
  return { ...optimizer, projection: { ...projection, projector } };
}

const agrees = test.macro({
  async exec(t, options: TrainingOptions, matrices: number) {
    const counts = { factors: 0 };
    const runs: (readonly number[])[][] = [];
    const norms: (number | null)[][] = [];
    for (const makes of [true, false]) {
      const optimizer = withGalore(counts, makes);
      const shared = { dtype: 'float64', optimizer, batches, plan: { totalSteps } } as const;
      using training = new Training({ ...shared, clip: unreached, ...options });
      await train(training.parts, freshState);
      runs.push(training.model.parameters.trained().map(({ value }) => [...toArray(value)]));
      norms.push(training.ofType('step').map(({ gradNorm }) => gradNorm));
      // Two of six steps choose directions, from gradients.
      const blocks = training.model.config.L;
      t.is(counts.factors, makes ? 0 : (totalSteps - 2) * 2 * blocks * matrices);
    }
    const [made = [], factored = []] = runs;
    for (const [i, values] of made.entries()) {
      const gaps = values.map((value, j) => Math.abs(value - (factored[i]?.[j] ?? Number.NaN)));
      t.true(Math.max(...gaps) < 1e-11, String(Math.max(...gaps)));
    }
    for (const [i, norm] of (norms[0] ?? []).entries()) {
      t.true(Math.abs((norm ?? 0) / (norms[1]?.[i] ?? Number.NaN) - 1) < 1e-10);
    }
  },
  title: (_, { name = 'llama', mode = 'keep', clip = unreached }: TrainingOptions) =>
    `two micro-batches of ${name} move by the factors of gradients as by gradients: ${mode}, ${clip.mode} ${clip.norm}`,
});

for (const mode of ['keep', 'recompute', 'offload'] as const) test(agrees, { mode }, 7);
// Clipped by the norm of what the optimizer sees, which is the same.
test(agrees, { clip: { mode: 'Global', norm: 0.1 } }, 7);
test(agrees, { clip: { mode: 'None', norm: 1 } }, 7);
test(agrees, { clip: { mode: 'Block', norm: 0.1 } }, 7);
// Biases; products of several layers in one; norms behind layers, of queries and keys; caps and
// windows.
test(agrees, { name: 'qwen2' }, 7);
test(agrees, { name: 'phi3' }, 4);
test(agrees, { name: 'gemma2' }, 7);
test(agrees, { name: 'gemma3' }, 7);
