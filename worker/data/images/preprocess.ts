// Picture → what a vision tower reads, in the order of transformers' processors on Pillow: RGB,
// resize, centre crop, scale, normalise. The first three give bytes, which stores may keep; the
// last two are a table, since a sample has 256 values.
import { type Image, toGrey } from './image.ts';
import { type Preprocessing, type Size, sizeAfter } from './preprocessing.ts';
import { resize } from './resize.ts';

/**
 * The picture resized and cropped, in bytes. It is still grey where the model reads RGB: three
 * equal channels are only made as values. Throws UnusableRecord where it would be too large.
 */
export function shaped(picture: Image, how: Preprocessing): Image {
  const image = how.channels === 1 ? toGrey(picture) : picture;
  const { width, height } = sizeAfter(image, how.resize);
  const resized = how.resize === null ? image : resize(image, width, height, how.resize.filter);
  return how.crop === null ? resized : cropped(resized, how.crop);
}

function cropped(image: Image, { width, height }: Size): Image {
  if (width === image.width && height === image.height) return image;
  const { channels } = image;
  const top = Math.floor((image.height - height) / 2);
  const left = Math.floor((image.width - width) / 2);
  const pixels = new Uint8Array(width * height * channels);
  const [begin, end] = [Math.max(0, left), Math.min(image.width, left + width)];
  for (let y = Math.max(0, -top); y < height && y + top < image.height; y += 1) {
    const row = (y + top) * image.width;
    const part = image.pixels.subarray((row + begin) * channels, (row + end) * channels);
    pixels.set(part, (y * width + begin - left) * channels);
  }
  return { width, height, channels, pixels };
}

/**
 * Writes the values of a shaped picture, float32 `[channels, height, width]` of the model, from
 * place `at` on.
 */
export type WriteValues = (image: Image, values: Float32Array, at: number) => void;

export function valueWriter(how: Preprocessing): WriteValues {
  const tables = Array.from({ length: how.channels }, (_, channel) => tableOf(channel, how));
  return ({ channels: step, pixels }, values, at) => {
    const area = pixels.length / step;
    for (const [channel, table] of tables.entries()) {
      const to = at + channel * area;
      let from = step === 1 ? 0 : channel;
      for (let i = 0; i < area; i += 1, from += step)
        values[to + i] = table[pixels[from] ?? 0] ?? 0;
    }
  };
}

/** The value of each sample of a channel, rounded to float32 where NumPy rounds. */
function tableOf(channel: number, { scale, normalize }: Preprocessing): Float32Array {
  const mean = Math.fround(normalize?.mean[channel] ?? 0);
  const std = Math.fround(normalize?.std[channel] ?? 1);
  return Float32Array.from({ length: 256 }, (_, sample) => {
    const scaled = Math.fround(sample * (scale ?? 1));
    return normalize === null ? scaled : Math.fround(Math.fround(scaled - mean) / std);
  });
}
