// Pictures of a model as PNG files: values from -1 to 1 become 0 to 255.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../crds/failures/errors.ts';
import type { Image } from '../data/images/image.ts';
import { pngOf } from '../data/images/write-png.ts';
import type { DiffusionConfig } from '../diffusion/config.ts';

type Shape = Pick<DiffusionConfig, 'channels' | 'side'>;

/** Refuses what has no pixels. */
export function requirePixels({ channels }: Shape, path: string): void {
  if (channels === 1 || channels === 3) return;
  throw new UserError({
    code: 'E_INVALID_MODEL',
    message: `${path}: in_channels is ${channels}; pictures have 1 or 3, and latents need an autoencoder, which is not read here`,
    hint: 'sample a model of pixels',
  });
}

/** `[P, C, side, side]` as `1.png` and further, `from` pictures later. */
export async function writePictures(
  folder: string,
  pictures: Float32Array,
  shape: Shape,
  from: number,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const size = shape.channels * shape.side ** 2;
  for (let n = 0; n < pictures.length / size; n += 1) {
    const own = pictures.subarray(n * size, (n + 1) * size);
    await writeFile(join(folder, `${from + n + 1}.png`), pngOf(imageOf(own, shape)));
  }
}

function imageOf(values: Float32Array, { channels, side }: Shape): Image {
  const area = side ** 2;
  const pixels = Uint8Array.from(values, (_, at) => {
    const [pixel, channel] = [Math.floor(at / channels), at % channels];
    const value = values[channel * area + pixel] ?? 0;
    return Math.round(127.5 * (1 + Math.min(1, Math.max(-1, value))));
  });
  return { width: side, height: side, channels: channels === 3 ? 3 : 1, pixels };
}
