/** Methods that are compared with full fine-tuning, the first of them. */
import type { BenchJob } from '../run-job.ts';

const rounded = { type: 'BFloat16', bfloat16: { masters: 'StochasticRounding' } };
const halo = { type: 'HALO', halo: { masters: 'StochasticRounding' } };
const formats = ['MergedSafetensors'];
/** A block's gradient is used and freed at once, and inputs of blocks are all that stays between the passes. */
const lean = {
  training: { gradientClip: { mode: 'None' }, nonFinitePolicy: { action: 'Rollback' } },
  parallelism: { activationRecomputation: 'Full' },
};

export const methodJobs: readonly Omit<BenchJob, 'steps'>[] = [
  { name: 'full', method: { preset: 'Full', precision: rounded }, formats },
  { name: 'halo', method: { preset: 'HALO', precision: halo }, formats },
  { name: 'lora', method: { preset: 'LoRA' }, formats: ['PEFTAdapter'] },
  { name: 'lisa', method: { preset: 'LISA', precision: rounded }, formats },
  {
    name: 'lisa-blocks',
    method: {
      ...{ preset: 'LISA', precision: rounded },
      selection: { type: 'LISA', lisa: { trainEmbeddings: false, intervalSteps: 2 } },
    },
    formats,
  },
  {
    name: 'owlore',
    method: {
      ...{ preset: 'OwLore', precision: rounded },
      selection: {
        type: 'OwLore',
        owlore: { trainEmbeddings: false, intervalSteps: 2, calibrationSequences: 4 },
      },
    },
    formats,
  },
  { name: 'galore', method: { preset: 'GaLore', precision: rounded }, formats },
  { name: 'q-galore', method: { preset: 'QGaLore' }, formats },
  { name: 'pv-tuning', method: { preset: 'PVTuning' }, formats },
  { name: 'full-lean', method: { preset: 'Full', precision: rounded }, formats, ...lean },
  { name: 'q-galore-lean', method: { preset: 'QGaLore' }, formats, ...lean },
];
