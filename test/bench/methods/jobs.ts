/** Methods that are measured beside full fine-tuning, and what each is held against. */
import { adapterJobs } from '../adapter-jobs.ts';
import type { BenchJob } from '../run-job.ts';

const float32 = { type: 'Float32' };
const rounded = { type: 'BFloat16', bfloat16: { masterWeights: 'StochasticRounding' } };
const halo = { type: 'HALO', halo: { masterWeights: 'StochasticRounding' } };
const formats = ['MergedSafetensors'];
/** Inputs of blocks are all that stays between the passes, as it is where memory is short. */
const lean = { parallelism: { activationRecomputation: 'Full' } };
/**
 * Eight micro-batches a step: what is done once a step weighs as it does in training, where a step
 * has thousands of tokens.
 */
const eight = { training: { globalBatchSize: 8 } };
const adapted = {
  precision: { type: 'BFloat16' },
  adapter: { type: 'LoRA', lora: { rank: 16, targetModules: ['AllLinear'] } },
};

/** In place of LoRA: columns of the same rank, and channels and heads of nearly as many values. */
const columns = { type: 'PaCA', paca: { rank: 16, targetModules: ['AllLinear'] } };
const channels = {
  type: 'S2FT',
  s2ft: {
    ...{ downRatio: '0.05', upRatio: '0.05', gateRatio: '0.05' },
    ...{ outputRatio: '0.05', valueRatio: '0.05' },
  },
};
const plain = { precision: { type: 'BFloat16' } };

/** Two blocks, embeddings at rest. */
function lisa(words: Readonly<Record<string, unknown>>) {
  const selection = { type: 'LISA', lisa: { activeLayers: 2, trainEmbeddings: false, ...words } };
  return { preset: 'LISA', precision: rounded, selection };
}

/**
 * The draw that takes most time and memory: a backward through all blocks, a gradient kept all the
 * way.
 */
function endsOf(blocks: number): readonly string[] {
  return Array.from({ length: blocks }, (_, at) => (at % (blocks - 1) === 0 ? '1' : '0'));
}

const lora = { name: 'lora', method: { preset: 'LoRA', ...adapted }, formats: ['PEFTAdapter'] };

/** Everything that may stand in place of LoRA, beside it. LoRA-SB begins after a first step. */
export const besideLora: readonly Omit<BenchJob, 'steps'>[] = [
  lora,
  ...adapterJobs.map(({ learningRate, ...job }) => ({
    ...job,
    training: { learningRate, schedule: { type: 'Cosine', warmupSteps: 2 } },
  })),
];

const fixed: readonly Omit<BenchJob, 'steps'>[] = [
  { name: 'full-float32', method: { preset: 'Full', precision: float32 }, formats },
  { name: 'full', method: { preset: 'Full', precision: rounded }, formats },
  { name: 'halo', method: { preset: 'HALO', precision: halo }, formats },
  lora,
  {
    name: 'paca',
    method: { preset: 'PaCA', ...plain, adapter: columns },
    formats: ['PEFTAdapter'],
  },
  { name: 's2ft', method: { preset: 'S2FT', ...plain }, formats: ['PEFTAdapter'] },
  {
    name: 's2ft-all',
    method: { preset: 'S2FT', ...plain, adapter: channels },
    formats: ['PEFTAdapter'],
  },
  { name: 'qlora', method: { preset: 'QLoRA', ...adapted }, formats: ['PEFTAdapter'] },
  { name: 'lisa', method: { preset: 'LISA', precision: rounded }, formats },
  { name: 'lisa-blocks', method: lisa({ intervalSteps: 2 }), formats },
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
  { name: 'full-float32-lean', method: { preset: 'Full', precision: float32 }, formats, ...lean },
  { name: 'full-lean', method: { preset: 'Full', precision: rounded }, formats, ...lean },
  { name: 'q-galore-lean', method: { preset: 'QGaLore' }, formats, ...lean },
  { name: 'full-eight', method: { preset: 'Full', precision: rounded }, formats, ...eight },
  { name: 'q-galore-eight', method: { preset: 'QGaLore' }, formats, ...eight },
];

/** For a model of so many blocks. */
export function methodJobs(blocks: number): readonly Omit<BenchJob, 'steps'>[] {
  const at = fixed.findIndex(({ name }) => name === 'lisa-blocks') + 1;
  const method = lisa({ sampling: 'Weighted', weights: endsOf(blocks) });
  const coded = { ...method, optimizer: { type: 'AdamW8bit' } };
  return fixed.toSpliced(
    at,
    0,
    { name: 'lisa-ends', method, formats },
    { name: 'lisa-ends-8bit', method: coded, formats },
  );
}
