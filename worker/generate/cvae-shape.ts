// Sizes of the generator's network. Pure.

interface CvaeSizes {
  /** Of an adapter, without padding. */
  readonly numbers: number;
  /** Of a task vector. */
  readonly condition: number;
  readonly latent: number;
  /** Of the blocks of the encoder, each of which halves the length. */
  readonly channels: readonly number[];
  /** Odd. */
  readonly kernel: number;
}

export interface CvaeShape extends CvaeSizes {
  /** Channels behind the blocks that there are. */
  readonly blocks: readonly number[];
  /** Length of the vector with padding: a multiple of 2^blocks. */
  readonly padded: number;
  /** Length behind the last block. */
  readonly positions: number;
}

/** Below this many positions behind the last block, one block less is used. */
const fewestPositions = 32;

/**
 * Twelve blocks ask for a multiple of 4,096 numbers. Of an adapter that is too small for them, the
 * inner ones are left out, which are the widest.
 */
export function shapeOf(sizes: CvaeSizes): CvaeShape {
  const { numbers, channels } = sizes;
  const most = Math.max(1, Math.floor(Math.log2(numbers / fewestPositions)));
  const count = Math.min(channels.length, most);
  const first = Math.ceil(count / 2);
  const blocks = [...channels.slice(0, first), ...channels.slice(channels.length - count + first)];
  const step = 2 ** count;
  const positions = Math.ceil(numbers / step);
  return { ...sizes, blocks, padded: positions * step, positions };
}

export function halfOf(kernel: number): number {
  return (kernel - 1) / 2;
}
