/** Jobs whose memory is planned and measured: methods, and what they do besides steps. */

export interface MemoryJob {
  readonly name: string;
  readonly method: Readonly<Record<string, unknown>>;
  readonly training: Readonly<Record<string, unknown>>;
  readonly parallelism?: Readonly<Record<string, unknown>>;
  readonly formats: readonly string[];
  /** Type of the matrices of a GGUF file. */
  readonly gguf?: string;
  readonly workers?: number;
  /** Not the demo's: one whose vocabulary is most of it. */
  readonly model?: 'large-vocabulary';
}

const asked = {
  samples: { prompts: ['How do I keep a houseplant alive when I travel?'], maxTokens: 16 },
};
const many = { globalBatchSize: 16 };
const float32 = { type: 'Float32' };
const bfloat16 = { type: 'BFloat16' };
const rounded = { type: 'BFloat16', bfloat16: { masterWeights: 'StochasticRounding' } };
const adapter = { type: 'LoRA', lora: { rank: 16 } };

const halo = { type: 'HALO', halo: { masterWeights: 'StochasticRounding' } };
const unclipped = { gradientClip: { mode: 'None' }, nonFinitePolicy: { action: 'Rollback' } };

/** The draw for which memory is planned: backwards go through all blocks. */
const firstBlocks = Array.from({ length: 30 }, (_, block) => (block < 2 ? '1' : '0'));

const lisaFirstBlocks = {
  ...{ preset: 'LISA', precision: rounded },
  selection: {
    type: 'LISA',
    lisa: { trainEmbeddings: false, sampling: 'Weighted', weights: firstBlocks },
  },
};

/** Adapters of a model of a large vocabulary, in each form that a result can have. */
const vocabularyForms = [
  { name: 'adapter', formats: ['PEFTAdapter'] },
  { name: 'merged', formats: ['MergedSafetensors'] },
  { name: 'f16', formats: ['GGUF'], gguf: 'F16' },
  { name: 'bf16', formats: ['GGUF'], gguf: 'BF16' },
  { name: 'q8', formats: ['GGUF'], gguf: 'Q8_0' },
  { name: 'two-forms', formats: ['MergedSafetensors', 'GGUF'], gguf: 'F16' },
] as const;

const vocabularyJobs = vocabularyForms.map(
  ({ name, ...output }): MemoryJob => ({
    ...{ name: `vocabulary-${name}`, model: 'large-vocabulary', ...output },
    ...{ method: { precision: bfloat16, adapter }, training: {} },
  }),
);

export const memoryJobs: readonly MemoryJob[] = [
  {
    name: 'lora-bfloat16-asked',
    ...{ method: { precision: bfloat16, adapter }, training: asked, formats: ['PEFTAdapter'] },
  },
  {
    name: 'lora-bfloat16',
    ...{ method: { precision: bfloat16, adapter }, training: {}, formats: ['MergedSafetensors'] },
  },
  // Sixteen micro-batches a step, whose inputs of blocks wait for their backward: in memory, and in
  // a file.
  {
    name: 'lora-bfloat16-recomputed',
    ...{ method: { precision: bfloat16, adapter }, training: many, formats: ['PEFTAdapter'] },
    parallelism: { activationRecomputation: 'Full' },
  },
  {
    name: 'lora-bfloat16-offloaded',
    ...{ method: { precision: bfloat16, adapter }, training: many, formats: ['PEFTAdapter'] },
    parallelism: { activationRecomputation: 'Offload' },
  },
  {
    name: 'lora-float32',
    ...{ method: { precision: float32, adapter }, training: {}, formats: ['MergedSafetensors'] },
  },
  {
    name: 'lora-float32-gguf',
    ...{ method: { precision: float32, adapter }, training: asked, formats: ['GGUF'] },
  },
  {
    name: 'qlora-bfloat16',
    method: { preset: 'QLoRA', precision: bfloat16, adapter },
    ...{ training: {}, formats: ['MergedSafetensors'] },
  },
  {
    name: 'qlora-float32-asked',
    method: { preset: 'QLoRA', precision: float32, adapter },
    ...{ training: asked, formats: ['PEFTAdapter'] },
  },
  {
    name: 'int8-bfloat16',
    method: { preset: 'QLoRA', precision: bfloat16, base: { type: 'Int8' }, adapter },
    ...{ training: {}, formats: ['GGUF'] },
  },
  {
    name: 'full-float32',
    ...{ method: { preset: 'Full', precision: float32 }, training: {} },
    formats: ['MergedSafetensors'],
  },
  {
    name: 'halo',
    method: { preset: 'HALO', precision: halo },
    ...{ training: {}, formats: ['MergedSafetensors'] },
  },
  {
    name: 'nvfp4',
    method: {
      preset: 'Full',
      precision: { type: 'NVFP4', nvfp4: { masterWeights: 'StochasticRounding' } },
    },
    ...{ training: {}, formats: ['MergedSafetensors'] },
  },
  {
    name: 'mxfp4-lora',
    method: { preset: 'LoRA', precision: { type: 'MXFP4' }, adapter },
    ...{ training: {}, formats: ['MergedSafetensors'] },
  },
  {
    name: 'halo-lora-asked',
    method: { preset: 'LoRA', precision: { type: 'HALO' }, adapter },
    ...{ training: asked, formats: ['PEFTAdapter'] },
  },
  {
    name: 'lisa-bfloat16',
    ...{ method: { preset: 'LISA', precision: bfloat16 }, training: {} },
    formats: ['MergedSafetensors'],
  },
  {
    name: 'lisa-bfloat16-blocks',
    ...{ method: lisaFirstBlocks, training: {}, formats: ['MergedSafetensors'] },
  },
  {
    name: 'galore-bfloat16-8bit',
    method: {
      ...{ preset: 'GaLore', precision: rounded },
      optimizer: { type: 'GaLore', galore: { rank: 144, moments: 'EightBit' } },
    },
    ...{ training: {}, formats: ['MergedSafetensors'] },
  },
  {
    name: 'q-galore',
    ...{ method: { preset: 'QGaLore' }, training: {}, formats: ['MergedSafetensors'] },
  },
  {
    name: 'pv-tuning',
    method: { preset: 'PVTuning' },
    training: unclipped,
    formats: ['AQLM', 'MergedSafetensors'],
  },
  {
    name: 'full-bfloat16-8bit',
    method: { preset: 'Full', precision: rounded, optimizer: { type: 'AdamW8bit' } },
    ...{ training: asked, formats: ['GGUF'] },
  },
  {
    name: 'full-bfloat16-8bit-shared',
    method: { preset: 'Full', precision: rounded, optimizer: { type: 'AdamW8bit' } },
    ...{ training: {}, formats: ['MergedSafetensors'], workers: 2 },
  },
  {
    name: 'lisa-bfloat16-shared',
    ...{ method: { preset: 'LISA', precision: bfloat16 }, training: {} },
    ...{ formats: ['MergedSafetensors'], workers: 2 },
  },
  {
    name: 'lisa-bfloat16-blocks-shared',
    ...{ method: lisaFirstBlocks, training: {}, formats: ['MergedSafetensors'], workers: 2 },
  },
  {
    name: 'halo-shared',
    method: { preset: 'HALO', precision: halo },
    ...{ training: {}, formats: ['MergedSafetensors'], workers: 2 },
  },
  {
    name: 'q-galore-shared',
    method: { preset: 'QGaLore' },
    ...{ training: {}, formats: ['MergedSafetensors'], workers: 2 },
  },
  {
    name: 'pv-tuning-shared',
    method: { preset: 'PVTuning' },
    ...{ training: unclipped, formats: ['MergedSafetensors'], workers: 2 },
  },
  ...vocabularyJobs,
];
