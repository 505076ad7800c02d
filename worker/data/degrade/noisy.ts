// A picture with Gaussian noise, another number for each sample.

import { normalPair } from '../../tensor/normal-pair.ts';
import { philox4x32 } from '../../tensor/philox.ts';
import type { Stream } from '../../tensor/streams.ts';
import type { Image } from '../images/image.ts';

/** @param deviation of the noise, of samples from 0 to 255 */
export function noisy(image: Image, deviation: number, stream: Stream): Image {
  const normal = normals(stream);
  const pixels = Uint8ClampedArray.from(image.pixels, (value) => value + deviation * normal());
  return { ...image, pixels: new Uint8Array(pixels.buffer) };
}

/** Two numbers from two uniform ones of 32 bits. */
function normals({ key }: Stream): () => number {
  const low = Number(BigInt.asUintN(32, key));
  const high = Number(BigInt.asUintN(32, key >> 32n));
  const ready: number[] = [];
  let block = 0;
  return () => {
    if (ready.length === 0) {
      const [a, b, c, d] = philox4x32([block++, 0, noiseDomain, 0], [low, high]);
      ready.push(...pairOf(a, b), ...pairOf(c, d));
    }
    return ready.pop() ?? 0;
  };
}

/** Separates these numbers from draws of the same key (streams.ts). */
const noiseDomain = 3;

function pairOf(a: number, b: number): readonly [number, number] {
  // Never 0, whose logarithm is infinite.
  return normalPair((a + 0.5) * 2 ** -32, b * 2 ** -32);
}
