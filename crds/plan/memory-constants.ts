// Every number of the memory plan that does not follow from the sizes of a model: counts of tensors
// that the engine keeps, and the overhead of libraries. All but those of CUDA devices come from
// measurements of the engine; change them only together with one.
//
// Legend: T tokens · H hidden size · I MLP size · NH query heads · NK key/value heads · D head size
// · V vocabulary · C rows
import { cudaConstants } from './cuda-constants.ts';

const none = { H: 0, headsD: 0, keyValueD: 0, I: 0 };

/** On the tape of a transformer's block whose MLP has no gate, but for its stream. */
const withoutGate = {
  /** Queries, output of attention. */
  headsD: 2,
  /** Keys, values. */
  keyValueD: 2,
  /** Channels before and after the activation. */
  I: 2,
  /** Log-sum-exp of attention; mean and scale of two norms. */
  float32PerHead: 1,
  float32PerToken: 4,
  apart: none,
};

/** While a block of a transformer runs. */
const forward = { H: 3, headsD: 1, keyValueD: 2, I: 2 };
const backward = { H: 3, headsD: 2, keyValueD: 2, I: 3 };

export const memoryConstants = {
  /** Values per token on the tape of one block, in units of the given sizes. */
  tape: {
    decoder: {
      /** Input, residual stream after attention; normed values are recomputed. */
      H: 2,
      /** Rotated queries, output of attention. */
      headsD: 2,
      /** Rotated keys, values. */
      keyValueD: 2,
      /** Gate, up; their product is recomputed. */
      I: 2,
      /**
       * Float32 values per token: one per head (log-sum-exp of attention), and one for each of two
       * norms.
       */
      float32PerHead: 1,
      float32PerToken: 2,
      /**
       * Kept in addition where layers with the same input differ or drop some of it: both normed
       * streams, the product.
       */
      apart: { H: 2, headsD: 0, keyValueD: 0, I: 1 },
    },
    /** Input, both sums before a norm, the normed stream between. */
    encoder: { ...withoutGate, H: 4 },
    /**
     * A block of the decoder; one of the encoder is as in `vision`. Input, the sums after both
     * attentions, all three normed; keys and values of the states of the encoder have its tokens.
     */
    speech: { ...withoutGate, H: 6, headsD: 4, float32PerHead: 2, float32PerToken: 6 },
    /** Input, the sum after attention, both normed. */
    vision: { ...withoutGate, H: 4 },
    tracking: { ...withoutGate, H: 4 },
    /** As `vision`; both modulated, and what each gate multiplies. */
    diffusion: { ...withoutGate, H: 8 },
    /** Input, and the channels before each activation; patches are counted by layer. */
    restoration: { ...none, H: 3, float32PerHead: 0, float32PerToken: 0, apart: none },
  },
  /** Values per token while one block runs, forward (no tape) and backward (beside the tape). */
  working: {
    decoder: { forward, backward },
    encoder: { forward: { ...forward, H: 6 }, backward },
    speech: { forward: { ...forward, H: 4, headsD: 2 }, backward },
    vision: { forward, backward },
    imageText: { forward: { ...forward, H: 6 }, backward },
    tracking: { forward, backward },
    diffusion: { forward: { ...forward, H: 8 }, backward },
    /** With the patches of one convolution, which are 9 H. */
    restoration: { forward: { ...none, H: 12 }, backward: { ...none, H: 12 } },
  },
  /** For each expert that a token goes to: rows; those of I in place of the MLP's. */
  experts: { H: 2, I: 4 },
  head: {
    /**
     * Bytes of the float32 logits that exist at one time, with their gradient: C rows fit into
     * these.
     */
    bytes: 32 * 2 ** 20,
    bytesWithGradient: 64 * 2 ** 20,
    fewestRows: 64,
    mostRows: 512,
    /** Copies of the target rows of a micro-batch, in units of H: rows, normed, two gradients. */
    H: 4,
  },
  /** Behind the blocks of a network that restores pictures: copies of each. */
  outlet: { patches: 2, stream: 2, pixels: 4 },
  /**
   * Behind the blocks of a tracker: copies of the rows that its heads read. The rows, normed, two
   * hidden layers of each head before and after activation, and gradients of the widest.
   */
  tracker: { H: 14 },
  optimizer: {
    /** Bytes per trained parameter. */
    AdamW: 8,
    /** Two moments in 8 bits, with a float32 scale each per block of values. */
    AdamW8bit: 2 + (2 * 4) / 256,
    SGDMomentum: 4,
    /** A sum for each value of a tensor that trains whole. */
    SM3: 4,
    master: 4,
  },
  /** Per value of a matrix while it gets noise: both in float32, the noise beside the weight. */
  noiseBytes: 2 * 4,
  /** Of an input that is rounded: itself, its codes from zero, and which of them are inside. */
  roundedInputCopies: 3,
  /** Six float32 copies of the values that a density loss takes at a time. */
  densityWorking: 6 * 4 * 2 ** 18,
  /** Per value of a gradient of which the largest are found: its size, and pairs to sort. */
  largestValuesBytes: 20,
  /** Per score of places: where it is, twice, and pairs to sort. */
  scoreBytes: 48,
  /** Float32 values and results of the columns of a history that one product reads. */
  columns: 2 * 4 * 2 ** 20,
  /**
   * Per value of the basis of a subspace: float32; or 4 bits, with a scale and a zero for some 192
   * values.
   */
  basisBytes: { exact: 4, lazy: 0.5 + 5 / 192 },
  /** Per weight in 8 bits, with a scale and a zero for some 192 weights. */
  codedBytes: 1 + 5 / 192,
  /**
   * Float32 copies of the largest matrix while its codes are chosen: its gradient, its distance to
   * the buffer, and intermediate values.
   */
  codebookCopies: 3,
  /**
   * Workspace of computing a projection, for a square of the smaller dimension: bytes per value,
   * and rows of the larger dimension. Exact: the Gram matrix, its eigenvectors and their workspace,
   * in float64. Sketched: the Gram matrix and the iterated vectors, in float32.
   */
  refresh: {
    Exact: { bytes: 8, squares: 4, rows: 1024 },
    Sketched: { bytes: 4, squares: 3, rows: 0 },
  },
  /** Abilities of this engine, so that no plan counts on more. */
  engine: {
    /** A step in several passes over the blocks, if the inputs of all micro-batches do not fit. */
    hasWaves: false,
  },
  /** JavaScript memory of a tokenizer per token of its vocabulary. */
  tokenizerBytesPerToken: 1000,
  /** The process that writes the result, which neither trains nor generates. */
  publish: {
    /** Program, JavaScript heap, libtorch, threads. */
    context: 169 * 2 ** 20,
    /** Tokens of the check. */
    tokens: 64,
    /** Logits are compared in float64: values at a time, or a row, and the number of tensors. */
    comparedValues: 2 ** 19,
    comparedTensors: 9,
    /** Bytes of the rows that are computed at a time, in the type of the file. */
    panelBytes: 20 * 2 ** 20,
    /** Integers of some rows while they are packed, or unpacked: copies of 64 bits. */
    packing: 5 * 8 * 2 ** 20,
    /**
     * What a pass of the model and searches load of program and libraries, and what is left between
     * allocations: four examples on SmolLM2-135M took 28 to 42 MiB more than without it.
     */
    calibrating: 36 * 2 ** 20,
    /** Per quantized value while it is converted to a signed one, intermediate steps included. */
    codeBytes: 11,
    /**
     * JavaScript memory of the tables of a GGUF file per token of the vocabulary: texts, scores,
     * merges, and their bytes (890 where each has two merges).
     */
    vocabularyBytesPerToken: 950,
  },
  /**
   * A matrix that becomes integers: bytes per value of its inputs' Gram matrix while it is inverted
   * (three float64 copies and a float32 one), and float32 copies of itself; of one that trains,
   * with its changes, their moments, and an update. And rows of an input that ways to quantize are
   * tried on, and sequences that widths of layers are.
   */
  quantize: {
    ...{ perValue: 3 * 8 + 4, ofMatrix: 6, ofTrained: 16, ofCodebook: 10 },
    ...{ trialRows: 512, trialSequences: 8 },
  },
  /** Bytes per value of an adapter's matrices: always float32. */
  adapterBytes: 4,
  /**
   * Per value of a matrix while its change is made: the change and its turned copy, or the
   * gradient, its turned copy and that of the diagonals, in float32, and a basis in bfloat16.
   */
  changeBytes: 3 * 4 + 2,
  /**
   * Rows that are rounded to a grid at a time, with their gradient: six float32 copies of 4 MiB.
   * And per value of a matrix that an adapter is added to, its gradient and its turned copy.
   */
  grid: { panels: 6 * 4 * 2 ** 20, gradient: 2 * 4 },
  cpu: {
    /**
     * Program, JavaScript heap, libtorch, threads: 195 MiB (steps alone) to 222 (whole runs) on a
     * Sapphire Rapids. A toy is planned 3 % too high as released, 1 % too low from a checkout, 8 %
     * at its first start there: Node.js then holds a compiler of TypeScript as well.
     */
    context: 212 * 2 ** 20,
    /**
     * A process that has only loaded its program: pages of libraries are released before the first
     * step.
     */
    loading: 224 * 2 ** 20,
    /** Overhead of the allocator, as a share of everything but weights: whole blocks are reused. */
    slack: 0,
    /** Share of free memory that kept tapes may fill. */
    usable: 0.8,
    /**
     * What libtorch compiles for products in bfloat16 of as many shapes as a server has, and keeps:
     * 25 MiB (6 blocks, 512 wide) to 73 (SmolLM2-135M) with AMX, 6 for the former without it.
     */
    compiled: 48 * 2 ** 20,
  },
  /** With what else cuda-constants.ts has, and from where. */
  cuda: {
    context: cudaConstants.context.value,
    loading: 0,
    slack: cudaConstants.slack.value,
    usable: 0.92,
  },
} as const;

export type DeviceType = 'cpu' | 'cuda';
