// Sizes of real decoders, for tests of plans.
import type { DecoderFacts } from '../../crds/plan/model-facts.ts';

const plain = {
  kind: 'decoder',
  tied: true,
  fused: false,
  bias: { qkv: false, o: false, mlp: false },
  qkNorm: false,
  sandwichNorms: false,
} as const;

export const smol135: DecoderFacts = {
  ...plain,
  V: 49152,
  H: 576,
  L: 30,
  NH: 9,
  NK: 3,
  D: 64,
  I: 1536,
};

/** LLaMA-2 7B, whose query heads share nothing. */
export const llama2: DecoderFacts = {
  ...plain,
  tied: false,
  V: 32000,
  H: 4096,
  L: 32,
  NH: 32,
  NK: 32,
  D: 128,
  I: 11008,
};

export const llama8b: DecoderFacts = {
  ...plain,
  tied: false,
  V: 128256,
  H: 4096,
  L: 32,
  NH: 32,
  NK: 8,
  D: 128,
  I: 14336,
};

export const phi3mini: DecoderFacts = {
  ...plain,
  tied: false,
  fused: true,
  V: 32064,
  H: 3072,
  L: 32,
  NH: 32,
  NK: 32,
  D: 96,
  I: 8192,
};

export const qwen25half: DecoderFacts = {
  ...plain,
  bias: { qkv: true, o: false, mlp: false },
  V: 151936,
  H: 896,
  L: 24,
  NH: 14,
  NK: 2,
  D: 64,
  I: 4864,
};

export const qwen3small: DecoderFacts = {
  ...plain,
  qkNorm: true,
  V: 151936,
  H: 1024,
  L: 28,
  NH: 16,
  NK: 8,
  D: 128,
  I: 3072,
};

export const gemma2: DecoderFacts = {
  ...plain,
  sandwichNorms: true,
  V: 256000,
  H: 2304,
  L: 26,
  NH: 8,
  NK: 4,
  D: 256,
  I: 9216,
};

export const gemma270m: DecoderFacts = {
  ...plain,
  ...{ sandwichNorms: true, qkNorm: true },
  V: 262144,
  H: 640,
  L: 18,
  NH: 4,
  NK: 1,
  D: 256,
  I: 2048,
};
