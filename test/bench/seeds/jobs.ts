/**
 * Methods that learn from real conversations, each beside what it is a cheaper form of. No learning
 * rate was chosen by these runs. Adapters have the one of the example of QLoRA, all weights that of
 * the benchmark of methods. What computes the same by other arithmetic has the rate of what it
 * stands beside. GaLore has it too, by a scale of 1; blocks that are drawn, of which each moves in
 * few steps, have three times as much.
 */
import { adapterJobs } from '../adapter-jobs.ts';
import type { BenchJob } from '../run-job.ts';

export interface SeedJob extends Omit<BenchJob, 'steps'> {
  readonly learningRate: string;
  /** Names of jobs that its loss is compared with. */
  readonly against: readonly string[];
}

const rounded = { type: 'BFloat16', bfloat16: { masterWeights: 'StochasticRounding' } };
const halo = (format: string) => ({
  type: 'HALO',
  halo: { format, masterWeights: 'StochasticRounding' },
});
const chance = { masterWeights: 'StochasticRounding' };
const adapter = { type: 'LoRA', lora: { rank: 16 } };
const asAdapter = { formats: ['PEFTAdapter'] };
const asModel = { formats: ['MergedSafetensors'] };
const codes = {
  ...{ formats: ['AQLM'], learningRate: '1e-3' },
  training: { gradientClip: { mode: 'None' }, nonFinitePolicy: { action: 'Rollback' } },
};

/** In so few steps blocks and directions are drawn as often as over the thousands of a long run. */
const often = { intervalSteps: 4 };
const directions = { rank: 144, scale: '1', refreshSteps: 12 };

function pvTuning(pvTuning: Readonly<Record<string, unknown>>) {
  return {
    preset: 'PVTuning',
    optimizer: { type: 'PVTuning', pvTuning: { codeLearningRate: '0.03', ...pvTuning } },
  };
}

const loraJob: SeedJob = {
  ...{ name: 'lora', method: { preset: 'LoRA', adapter } },
  ...{ ...asAdapter, learningRate: '6e-4', against: [] },
};

/** Everything that may stand in place of LoRA, beside it. */
export const besideLora: readonly SeedJob[] = [
  loraJob,
  ...adapterJobs.map((job) => ({ ...job, against: [loraJob.name] })),
];

export const seedJobs: readonly SeedJob[] = [
  loraJob,
  {
    name: 'qlora',
    method: { preset: 'QLoRA', adapter },
    ...{ ...asAdapter, learningRate: '6e-4', against: ['lora'] },
  },
  {
    name: 'halo-int8-lora',
    method: { preset: 'LoRA', precision: halo('INT8'), adapter },
    ...{ ...asAdapter, learningRate: '6e-4', against: ['lora'] },
  },
  {
    name: 'halo-fp8-lora',
    method: { preset: 'LoRA', precision: halo('FP8'), adapter },
    ...{ ...asAdapter, learningRate: '6e-4', against: ['lora'] },
  },
  {
    name: 'full',
    method: { preset: 'Full', precision: rounded },
    ...{ ...asModel, learningRate: '1e-4', against: [] },
  },
  {
    name: 'halo-int8',
    method: { preset: 'HALO', precision: halo('INT8') },
    ...{ ...asModel, learningRate: '1e-4', against: ['full'] },
  },
  {
    name: 'halo-fp8',
    method: { preset: 'HALO', precision: halo('FP8') },
    ...{ ...asModel, learningRate: '1e-4', against: ['full'] },
  },
  {
    name: 'nvfp4',
    method: { preset: 'Full', precision: { type: 'NVFP4', nvfp4: chance } },
    ...{ ...asModel, learningRate: '1e-4', against: ['full'] },
  },
  {
    name: 'mxfp4',
    method: { preset: 'Full', precision: { type: 'MXFP4', mxfp4: chance } },
    ...{ ...asModel, learningRate: '1e-4', against: ['full', 'nvfp4'] },
  },
  {
    name: 'galore',
    method: {
      ...{ preset: 'GaLore', precision: rounded },
      optimizer: { type: 'GaLore', galore: directions },
    },
    ...{ ...asModel, learningRate: '1e-4', against: ['full'] },
  },
  {
    name: 'q-galore',
    method: {
      preset: 'QGaLore',
      optimizer: { type: 'QGaLore', qGalore: directions },
    },
    ...{ ...asModel, learningRate: '1e-4', against: ['full', 'galore'] },
  },
  {
    name: 'lisa',
    method: {
      ...{ preset: 'LISA', precision: rounded },
      selection: { type: 'LISA', lisa: often },
    },
    ...{ ...asModel, learningRate: '3e-4', against: ['full', 'lora'] },
  },
  {
    name: 'lisa-blocks',
    method: {
      ...{ preset: 'LISA', precision: rounded },
      selection: { type: 'LISA', lisa: { ...often, trainEmbeddings: false } },
    },
    ...{ ...asModel, learningRate: '3e-4', against: ['full', 'lora'] },
  },
  {
    name: 'owlore',
    method: {
      ...{ preset: 'OwLore', precision: rounded },
      selection: { type: 'OwLore', owlore: { ...often, calibrationSequences: 16 } },
    },
    ...{ ...asModel, learningRate: '3e-4', against: ['full', 'lora'] },
  },
  {
    name: 'codebooks',
    method: pvTuning({ updateCodes: false }),
    ...{ ...codes, against: [] },
  },
  {
    name: 'straight-through',
    method: pvTuning({ maxCodeChange: '1' }),
    ...{ ...codes, against: ['codebooks'] },
  },
  {
    name: 'pv-tuning',
    method: pvTuning({ maxCodeChange: '0.01' }),
    ...{ ...codes, against: ['codebooks', 'straight-through'] },
  },
];

/**
 * The same from drawn weights, for arithmetic that is published for it: more conversations, and a
 * rate that is usual there.
 */
export function fromTheBeginning(job: SeedJob, shape: string): SeedJob {
  const named = (name: string) => `${name}-${shape.toLowerCase().replaceAll('.', '-')}`;
  return {
    ...{ ...job, name: named(job.name), against: job.against.map(named) },
    ...{ learningRate: '1e-3', dataset: { maxSamples: 2000 } },
    training: { schedule: { type: 'Cosine', warmupSteps: 20 } },
  };
}

/** Those that train drawn weights: full fine-tuning, and its arithmetic in fewer bits. */
export const jobsOfDrawn: readonly SeedJob[] = seedJobs.filter(({ name }) =>
  ['full', 'halo-int8', 'halo-fp8', 'nvfp4', 'mxfp4'].includes(name),
);
