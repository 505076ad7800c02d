// The answer of `anneal explain adapters`: which adapter to take for what, with its size on the
// model of the first run, by the plan that the worker uses.
import { fineTuneJobSpec } from '../api/job.ts';
import { useGoals } from '../methods/adapter-entry.ts';
import { adapterEntries, adapterTypes } from '../methods/adapter-traits.ts';
import { planJob } from '../plan/job-plan.ts';
import type { DecoderFacts } from '../plan/model-facts.ts';
import { type Measured, measuredOf } from './measured.ts';

interface AdapterChoice {
  readonly type: string;
  readonly words: string;
  readonly trained: number;
  /** Planned peak of a worker without a GPU. */
  readonly bytes: number;
  /** What its example came to in a short run beside LoRA; null where it was not measured. */
  readonly measured: Measured | null;
}

export interface AdapterGoal {
  readonly goal: string;
  readonly choices: readonly AdapterChoice[];
}

/** SmolLM2-135M, the model of `npm start`. */
const facts: DecoderFacts = {
  kind: 'decoder',
  ...{ V: 49_152, H: 576, L: 30, NH: 9, NK: 3, D: 64, I: 1536 },
  ...{ tied: true, fused: false, qkNorm: false, sandwichNorms: false },
  bias: { qkv: false, o: false, mlp: false },
};

/** Those that begin with gradients, for which the base must be dense. */
export function denseAdapters(): readonly string[] {
  return adapterTypes((entry) => entry.readsGradient === true);
}

/** Those that begin with what quantizing loses, for which the base must be quantized. */
export function quantizedAdapters(): readonly string[] {
  return adapterTypes((entry) => entry.needsQuantized === true);
}

export const adapterChoicesFor = 'SmolLM2-135M, 8 sequences of 1,024 tokens a step';

/** More than any of them needs, so that nothing is computed twice to save memory. */
const device = { type: 'cpu', bytes: 2 ** 40, threads: 2 } as const;

export function adapterGoals(): readonly AdapterGoal[] {
  return useGoals.map((goal) => ({
    goal,
    choices: adapterEntries
      .filter(({ use }) => use.goal === goal)
      .map(({ type, use }) => ({
        ...{ type, words: use.words, ...sizesOf(type) },
        measured: measuredOf(type) ?? null,
      })),
  }));
}

const base = { type: 'NF4' };

function sizesOf(type: string): Pick<AdapterChoice, 'trained' | 'bytes'> {
  const local = (path: string) => ({ local: { path } });
  const spec = fineTuneJobSpec.parse({
    model: { source: local('model') },
    dataset: { train: local('train.jsonl'), sequenceLength: 1024 },
    method: { adapter: { type }, ...(quantizedAdapters().includes(type) && { base }) },
    training: { maxSteps: 100, globalBatchSize: 8, learningRate: '2e-4' },
    worker: { devicesPerWorker: 0 },
    output: { destination: local('out') },
  });
  const { trained, memory } = planJob({ spec, facts, device, ranks: 1, shards: 1 });
  return { trained: trained.total, bytes: memory.peak };
}
