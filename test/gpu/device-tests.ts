/**
 * Which test compares the CUDA kernels of a folder of worker/native/kernels with their references:
 * the same file that tests the processor's, run on the emulated device. kernels-tested.test.ts
 * holds this to the folders that there are.
 */
export const deviceTests = {
  adamw: 'test/numerics/tensor/adamw.test.ts',
  adamw8bit: 'test/numerics/methods/optimizers/adamw-8bit.test.ts',
  affine_groups: 'test/numerics/kernels/affine-groups.test.ts',
  attention: 'test/numerics/kernels/attention.test.ts',
  codebook: 'test/numerics/kernels/codebook.test.ts',
  fp4: 'test/numerics/kernels/fp4.test.ts',
  gguf: 'test/numerics/methods/weights/gguf-grid.test.ts',
  hadamard: 'test/numerics/kernels/hadamard.test.ts',
  head: 'test/numerics/kernels/head.test.ts',
  layer_norm: 'test/numerics/kernels/layer-norm.test.ts',
  patches: 'test/numerics/kernels/patches.test.ts',
  philox: 'test/numerics/tensor/rng.test.ts',
  quantized: 'test/numerics/kernels/quantized.test.ts',
  rms_norm: 'test/numerics/kernels/rms-norm.test.ts',
  rope: 'test/numerics/kernels/rope.test.ts',
  sample_round: 'test/numerics/kernels/sample-round.test.ts',
  swiglu: 'test/numerics/kernels/swiglu.test.ts',
  // Products in operators of libtorch around the kernels above.
  lora_linear: 'test/numerics/kernels/lora-linear.test.ts',
  chosen: 'test/numerics/kernels/chosen-linear.test.ts',
  sparse_change: 'test/numerics/kernels/sparse-linear.test.ts',
  halo: 'test/numerics/kernels/product-of-codes.test.ts',
  gptq: 'test/numerics/kernels/gptq.test.ts',
  // What the kernels that read 16 bytes at once do where memory begins in between.
  vector: 'test/numerics/kernels/unaligned.test.ts',
} as const;

/** Files that choose no order of threads themselves (onEachIsa does): they run once for each. */
export const inEachOrder: readonly string[] = [
  deviceTests.adamw,
  deviceTests.adamw8bit,
  deviceTests.philox,
];

/** Orders in which threads take turns, as emulator/block.h numbers them; the last one is a seed. */
export const orders = {
  ...{ forwards: 0, backwards: 1, 'first warp ahead': 2, 'last warp ahead': 3 },
  'random 1009': 1009,
} as const;

/** The order of a process that chooses none. */
export const orderVariable = 'ANNEAL_EMULATED_ORDER';

/** Operators that take a matrix of a device to the host, work there, and take the result back. */
export const onHost = ['gguf_quantize', 'quantize_weight'] as const;
