// Pictures as rows of patches. The values of a patch have two orders: a model reads them channel by
// channel, as a convolution does, and writes them pixel by pixel.

export interface PictureShape {
  readonly channels: number;
  /** Pixels of a side; pictures are square. */
  readonly side: number;
  /** Pixels of a side of a patch, which divides that of the picture. */
  readonly patch: number;
}

export type PatchOrder = 'ByChannel' | 'ByPixel';

/** Patches of a picture. */
export function patchesOf({ side, patch }: Pick<PictureShape, 'side' | 'patch'>): number {
  return (side / patch) ** 2;
}

/** Of pictures `[pictures, channels, side, side]`: `[pictures * patches, channels * patch^2]`. */
export function toPatches(
  pictures: Float32Array,
  shape: PictureShape,
  order: PatchOrder,
): Float32Array {
  return Float32Array.from(places(pictures.length, shape, order), (from) => pictures[from] ?? 0);
}

/** Pictures of their patches: the inverse of `toPatches`. */
export function fromPatches(
  patches: Float32Array,
  shape: PictureShape,
  order: PatchOrder,
): Float32Array {
  const pictures = new Float32Array(patches.length);
  for (const [at, to] of places(patches.length, shape, order).entries()) {
    pictures[to] = patches[at] ?? 0;
  }
  return pictures;
}

/** For each value of a patch by channel, its index in the patch by pixel. */
export function byChannelOf({ channels, patch }: PictureShape): Int32Array {
  const area = patch ** 2;
  return Int32Array.from(
    { length: channels * area },
    (_, i) => (i % area) * channels + Math.floor(i / area),
  );
}

/** For each value in patches, its index in the pictures. */
function places(
  length: number,
  { channels, side, patch }: PictureShape,
  order: PatchOrder,
): Int32Array {
  const across = side / patch;
  const size = channels * patch ** 2;
  return Int32Array.from({ length }, (_, at) => {
    const [row, i] = [Math.floor(at / size), at % size];
    const [picture, place] = [Math.floor(row / across ** 2), row % across ** 2];
    const [pixel, channel] =
      order === 'ByChannel'
        ? [i % patch ** 2, Math.floor(i / patch ** 2)]
        : [Math.floor(i / channels), i % channels];
    const y = Math.floor(place / across) * patch + Math.floor(pixel / patch);
    const x = (place % across) * patch + (pixel % patch);
    return ((picture * channels + channel) * side + y) * side + x;
  });
}
