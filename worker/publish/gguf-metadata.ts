// The configuration of a decoder as the metadata and tables that GGUF readers use.

import type { DecoderConfig, RopeConfig } from '../decoder/config.ts';
import { ggufArchitectures, ropeTables } from '../decoder/gguf-names.ts';
import { ropeFrequencies } from '../decoder/rope.ts';
import { ropeDivisors } from '../decoder/rope-divisors.ts';
import type { GgufPair } from '../files/gguf-writer.ts';
import type { GgufFileType } from './gguf-mix.ts';

type Pairs = readonly (readonly [string, GgufPair])[];

/** Values of `general.file_type`: the type of most matrices; of mixtures, the smallest. */
const fileTypeNumbers: Readonly<Record<GgufFileType, number>> = {
  ...{ F32: 0, F16: 1, BF16: 32, Q8_0: 7 },
  ...{ Q4_0: 2, Q4_1: 3, Q5_0: 8, Q5_1: 9 },
  ...{ Q2_K: 10, Q3_K: 11, Q4_K: 14, Q5_K: 16, Q6_K: 18 },
};

export function ggufPairs(config: DecoderConfig, name: string, fileType: GgufFileType): Pairs {
  const arch = ggufArchitectures[config.family];
  const own: Pairs = [
    ...counts({
      context_length: config.contextLength,
      embedding_length: config.H,
      block_count: config.L,
      feed_forward_length: config.I,
      vocab_size: config.V,
      'attention.head_count': config.NH,
      'attention.head_count_kv': config.NK,
      'attention.key_length': config.D,
      'attention.value_length': config.D,
      'rope.dimension_count': config.rope.full.dims,
    }),
    ['attention.layer_norm_rms_epsilon', float(config.normEps)],
    ...attentionPairs(config),
    ...ropePairs(config),
  ];
  return [
    ['general.architecture', { type: 'string', value: arch }],
    ['general.type', { type: 'string', value: 'model' }],
    ['general.name', { type: 'string', value: name }],
    ['general.file_type', { type: 'uint32', value: fileTypeNumbers[fileType] }],
    ['general.quantization_version', { type: 'uint32', value: 2 }],
    ...own.map(([key, value]) => [`${arch}.${key}`, value] as const),
  ];
}

function attentionPairs(config: DecoderConfig): Pairs {
  const { window, attentionCap, logitCap, family } = config;
  const hasScalar = family === 'gemma2' || family === 'gemma3';
  return [
    ...(window === undefined ? [] : counts({ 'attention.sliding_window': window })),
    ...(attentionCap === undefined
      ? []
      : ([['attn_logit_softcapping', float(attentionCap)]] as const)),
    ...(logitCap === undefined ? [] : ([['final_logit_softcapping', float(logitCap)]] as const)),
    ...(hasScalar ? ([['attention.scale', float(config.attentionScale)]] as const) : []),
  ];
}

function ropePairs({ rope, contextLength }: DecoderConfig): Pairs {
  const { full, sliding } = rope;
  const { factor = 1, originalLength = contextLength } = full;
  const base: Pairs = [
    ['rope.freq_base', float(full.theta)],
    ...(sliding === undefined ? [] : ([['rope.freq_base_swa', float(sliding.theta)]] as const)),
  ];
  const type = (name: string): Pairs => [['rope.scaling.type', { type: 'string', value: name }]];
  switch (full.kind) {
    // Dynamic equals default up to the context length; llama3 is a table among the tensors.
    case 'default':
    case 'dynamic':
    case 'llama3':
      return base;
    case 'linear':
      return [...base, ...type('linear'), ['rope.scaling.factor', float(factor)]];
    case 'yarn':
      return [
        ...base,
        ...type('yarn'),
        ['rope.scaling.factor', float(factor)],
        ...counts({ 'rope.scaling.original_context_length': originalLength }),
        ...yarnPairs(full),
      ];
    case 'longrope':
      return [
        ...base,
        ...counts({ 'rope.scaling.original_context_length': originalLength }),
        ['rope.scaling.attn_factor', float(ropeFrequencies(full, 1).attentionFactor)],
      ];
  }
}

/** Readers multiply `attn_factor` with the usual `0.1 ln s + 1`. */
function yarnPairs(rope: RopeConfig): Pairs {
  const usual = ropeFrequencies({ ...withoutAttention(rope) }, 1).attentionFactor;
  const ratio = ropeFrequencies(rope, 1).attentionFactor / usual;
  return [
    ...(ratio === 1 ? [] : ([['rope.scaling.attn_factor', float(ratio)]] as const)),
    ...(rope.betaFast === undefined
      ? []
      : ([['rope.scaling.yarn_beta_fast', float(rope.betaFast)]] as const)),
    ...(rope.betaSlow === undefined
      ? []
      : ([['rope.scaling.yarn_beta_slow', float(rope.betaSlow)]] as const)),
  ];
}

function withoutAttention({ attentionFactor: _, mscale: __, ...rope }: RopeConfig): RopeConfig {
  return rope;
}

/** Tables of divisors, which are stored as tensors. */
export function ggufTables({
  rope: { full },
}: DecoderConfig): ReadonlyMap<string, readonly number[]> {
  if (full.kind === 'llama3') return new Map([[ropeTables.llama3, ropeDivisors(full)]]);
  if (full.kind !== 'longrope') return new Map();
  return new Map([
    [ropeTables.long, full.long ?? []],
    [ropeTables.short, full.short ?? []],
  ]);
}

/** What GGUF cannot express of this model, in sentences; readers compute something else there. */
export function ggufLosses(config: DecoderConfig): readonly string[] {
  const { family, window, H, NH, D, L, attentionScale } = config;
  const losses: string[] = [];
  const isGemma = family === 'gemma2' || family === 'gemma3';
  if (window !== undefined && !isGemma) {
    losses.push(`readers ignore the window of ${window} tokens: beyond it a token attends to more`);
  }
  const scalar = (family === 'gemma2' ? 46 : 62) === L ? H / NH : D;
  if (isGemma && Math.abs(attentionScale - scalar ** -0.5) > 1e-6) {
    losses.push(`readers scale scores by ${scalar ** -0.5}, this model by ${attentionScale}`);
  }
  return losses;
}

function counts(entries: Readonly<Record<string, number>>): Pairs {
  return Object.entries(entries).map(([key, value]) => [key, { type: 'uint32', value }]);
}

function float(value: number): GgufPair {
  return { type: 'float32', value };
}
