// What the gate knows of a form of the result: bits, and how they came about. Not its name.

export interface ResultClass {
  /** Bits of a value of the linear layers, without scales; of the least one where they differ. */
  readonly weightBits: number;
  /** Products of these bits. @default those of the trained model */
  readonly activations?: { readonly bits: 4 | 8; readonly type: 'Integer' | 'Float' };
  /**
   * Same: the values of the trained model. Rounding: the nearest values of a grid, whatever it
   * costs. Search: codes and scales of a block chosen together, by what is lost of its weights, as
   * in GGUF below 8 bits. Calibration: values that were chosen on data. Training: values that were
   * trained. Pruning: a part of the model, which is trained again before it is used.
   */
  readonly made: 'Same' | 'Rounding' | 'Search' | 'Calibration' | 'Training' | 'Pruning';
}

/** The most that a form may differ from the trained model. */
export interface Band {
  /** In words: `weights of 8 bits`. */
  readonly words: string;
  readonly maxPerplexityRatio: number;
  readonly maxDivergence: number;
  /** Below it perplexity alone does not vouch for a model that answers. */
  readonly minAgreement: number;
  /** Beyond the limits is a warning as far as this many times their excess. */
  readonly tolerance: number;
  /** Beyond these no model speaks, whatever its size. @default absolute */
  readonly absolute?: Absolute;
  readonly hint: string;
}

/** A model of fewer parameters loses more to the same rounding. */
export const smallModel = { parameters: 1e9, factor: 4 } as const;

interface Absolute {
  readonly maxPerplexityRatio: number;
  readonly minAgreement: number;
}

/** Without scaling: no model speaks beyond. */
export const absolute: Absolute = { maxPerplexityRatio: 2, minAgreement: 0.5 };

/** At most these bits: rounding alone leaves nothing of a model. */
export const lowBits = 3;

export function bandOf({ weightBits, activations, made }: ResultClass): Band {
  if (made === 'Pruning') return pruned;
  if (activations !== undefined) return withActivations(weightBits, activations);
  return weightBands.find(({ from }) => weightBits >= from) ?? lowest;
}

function withActivations(
  weightBits: number,
  { bits, type }: NonNullable<ResultClass['activations']>,
): Band {
  if (bits === 4) return activationBands.four;
  if (weightBits < 8) return activationBands.eightOnFour;
  return type === 'Integer' ? activationBands.integer : activationBands.float;
}

/** What is left out is missing: how much that is, is told and refuses nothing. */
const pruned = {
  ...{ words: 'a pruned model before it is trained', maxPerplexityRatio: 1.2, maxDivergence: 0.2 },
  ...{ minAgreement: 0.8, tolerance: Number.POSITIVE_INFINITY },
  absolute: { maxPerplexityRatio: Number.POSITIVE_INFINITY, minAgreement: 0 },
  hint: 'train all weights of the pruned folder for a while (preset: Full), or leave out less',
} as const satisfies Band;

const lowest = {
  ...{ words: 'weights of less than 4 bits', maxPerplexityRatio: 2, maxDivergence: 1 },
  ...{ minAgreement: 0.5, tolerance: 1, hint: 'choose a form of more bits' },
} as const satisfies Band;

/** By the bits from which on they hold. */
const weightBands: readonly (Band & { readonly from: number })[] = [
  {
    ...{ from: 16, words: 'weights of 16 bits', maxPerplexityRatio: 1.005, maxDivergence: 0.002 },
    ...{ minAgreement: 0.97, tolerance: 1 },
    hint: 'the file was written wrong: publish again, and report it if it is refused again',
  },
  {
    ...{ from: 8, words: 'weights of 8 bits', maxPerplexityRatio: 1.02, maxDivergence: 0.02 },
    ...{ minAgreement: 0.9, tolerance: 1 },
    hint: 'check the scales of the weights, or choose a form of 16 bits',
  },
  {
    ...{ from: 5, words: 'weights of 5 to 7 bits', maxPerplexityRatio: 1.04, maxDivergence: 0.04 },
    ...{ minAgreement: 0.85, tolerance: 1, hint: 'choose a form of more bits' },
  },
  {
    ...{ from: 4, words: 'weights of 4 bits', maxPerplexityRatio: 1.08, maxDivergence: 0.08 },
    ...{ minAgreement: 0.8, tolerance: 1 },
    hint: 'choose smaller groups, weights that were calibrated, or a form of more bits',
  },
];

const activationBands = {
  float: {
    ...{ words: 'weights and activations of 8 bits', maxPerplexityRatio: 1.02 },
    ...{ maxDivergence: 0.02, minAgreement: 0.9, tolerance: 1 },
    hint: 'check the scales; activations need one for each token',
  },
  integer: {
    ...{ words: 'weights and activations of 8-bit integers', maxPerplexityRatio: 1.03 },
    ...{ maxDivergence: 0.04, minAgreement: 0.9, tolerance: 1 },
    hint: 'smooth the activations, or choose FP8',
  },
  eightOnFour: {
    ...{ words: 'weights of 4 bits and activations of 8', maxPerplexityRatio: 1.12 },
    ...{ maxDivergence: 0.12, minAgreement: 0.8, tolerance: 2 },
    hint: 'choose activations of 16 bits',
  },
  four: {
    ...{ words: 'weights and activations of 4 bits', maxPerplexityRatio: 1.2 },
    ...{ maxDivergence: 0.2, minAgreement: 0.8, tolerance: 2 },
    hint: 'choose activations of 8 or 16 bits',
  },
} as const satisfies Readonly<Record<string, Band>>;
