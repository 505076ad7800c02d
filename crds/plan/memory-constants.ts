// Every number of the memory plan that does not follow from the sizes of a model: counts of tensors
// that the engine keeps, and what libraries take. They are set from measurements of the engine;
// change them only together with one.
//
// Legend: T tokens · H hidden size · I MLP size · NH query heads · NK key/value heads · D head size
// · V vocabulary · C rows
export const memoryConstants = {
  /** Values a token leaves on the tape of one block, in units of the sizes named. */
  tape: {
    /** Input, stream behind attention; what is normed is made again. */
    H: 2,
    /** Rotated queries, output of attention. */
    headsD: 2,
    /** Rotated keys, values. */
    keyValueD: 2,
    /** Gate, up; their product is made again. */
    I: 2,
    /** Float32 a token: one a head (log-sum-exp of attention), and one for each of two norms. */
    float32PerHead: 1,
    float32PerToken: 2,
    /**
     * What is kept besides where layers that read the same input differ, or drop some of it: both
     * normed streams, the product.
     */
    apart: { H: 2, headsD: 0, keyValueD: 0, I: 1 },
  },
  /**
   * Values a token needs while one block runs, forward (no tape) and backward (beside the tape).
   */
  working: {
    forward: { H: 3, headsD: 1, keyValueD: 2, I: 2 },
    backward: { H: 3, headsD: 2, keyValueD: 2, I: 3 },
  },
  head: {
    /**
     * Bytes of the float32 logits that exist at one time, and with a gradient of the head: C rows,
     * within these.
     */
    bytes: 32 * 2 ** 20,
    bytesWithGradient: 64 * 2 ** 20,
    fewestRows: 64,
    mostRows: 512,
    /** Copies of the target rows of a micro-batch, in units of H: rows, normed, two gradients. */
    H: 4,
  },
  optimizer: {
    /** Bytes a trained parameter. */
    AdamW: 8,
    /** Two moments in 8 bits, with a float32 scale each for a block of values. */
    AdamW8bit: 2 + (2 * 4) / 256,
    SGDMomentum: 4,
    master: 4,
  },
  /**
   * Of a value of the basis of a subspace: in float32; or in 4 bits, with a scale and a zero for
   * some 192 of them.
   */
  basisBytes: { exact: 4, lazy: 0.5 + 5 / 192 },
  /** Of a weight in 8 bits, with a scale and a zero for some 192 of them. */
  codedBytes: 1 + 5 / 192,
  /**
   * Copies in float32 of the largest matrix while its codes are chosen: its gradient, how far it is
   * from its buffer, and what is between.
   */
  codebookCopies: 3,
  /**
   * What a choice of directions needs for a square of the smaller side, in bytes of a value, and
   * for how many rows of the larger: the sum of products, its vectors and their work, in float64;
   * or the sum and what is turned, in float32.
   */
  refresh: {
    Exact: { bytes: 8, squares: 4, rows: 1024 },
    Sketched: { bytes: 4, squares: 3, rows: 0 },
  },
  /** What the engine of this version does, so that no plan counts on more. */
  engine: {
    /** A step in several passes over the blocks, when inputs of all micro-batches do not fit. */
    hasWaves: false,
  },
  /** What a tokenizer takes in JavaScript, for each token of its vocabulary. */
  tokenizerBytesPerToken: 1000,
  /** The process that writes the result, which neither trains nor answers. */
  publish: {
    /** Program, JavaScript heap, libtorch, threads. */
    context: 169 * 2 ** 20,
    /** Tokens of the check. */
    tokens: 64,
    /** Logits are compared in float64: so many at a time, or a row, in so many tensors. */
    comparedValues: 2 ** 19,
    comparedTensors: 9,
    /** Rows that are made at a time, and their bytes in the type of the file. */
    panelBytes: 20 * 2 ** 20,
    /** Of a code while it becomes a signed one, whole and in the steps between. */
    codeBytes: 11,
    /**
     * What the tables of a GGUF file take in JavaScript, for each token of the vocabulary: texts,
     * scores, merges, and their bytes.
     */
    vocabularyBytesPerToken: 1400,
  },
  /** Bytes of an adapter's matrices: always float32. */
  adapterBytes: 4,
  cpu: {
    /**
     * Program, JavaScript heap, libtorch, threads: 195 MiB (steps alone) to 222 (whole runs) on a
     * Sapphire Rapids.
     */
    context: 212 * 2 ** 20,
    /**
     * Of a process that has only loaded its program: pages of libraries are given back before the
     * first step.
     */
    loading: 224 * 2 ** 20,
    /**
     * What the allocator holds beyond what is asked, as a share of everything but weights: whole
     * blocks are reused.
     */
    slack: 0,
    /** Share of free memory that kept tapes may fill. */
    usable: 0.8,
  },
  cuda: {
    context: 600 * 2 ** 20,
    loading: 0,
    slack: 0.05,
    usable: 0.92,
  },
} as const;

export type DeviceType = 'cpu' | 'cuda';
