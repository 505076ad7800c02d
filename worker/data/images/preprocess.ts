// Picture → what a vision tower reads, in the order of transformers' processors on Pillow: RGB,
// resize, centre crop, scale, normalise.
import { UnusableRecord } from '../sample.ts';
import { type Image, imageLimits, toRgb } from './image.ts';
import { type ResizeFilter, resize } from './resize.ts';

export interface Size {
  readonly height: number;
  readonly width: number;
}

/** What is done to a picture, in this order; what is undefined is not done. */
export interface Preprocessing {
  /** Grey becomes RGB. Without it a grey picture stays one channel. */
  readonly isRgb: boolean;
  readonly resize:
    | { readonly to: Size | { readonly shortestEdge: number }; readonly filter: ResizeFilter }
    | undefined;
  /** From the middle; a smaller picture gets black borders. */
  readonly crop: Size | undefined;
  /** Factor of the samples, such as 1/255. */
  readonly scale: number | undefined;
  /** Subtracted from a sample and what it is divided by then: one number a channel. */
  readonly normalize:
    | { readonly mean: readonly number[]; readonly std: readonly number[] }
    | undefined;
}

interface PixelValues {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** float32 `[channels, height, width]`. */
  readonly values: Float32Array;
}

/**
 * The pixel values of one picture. Throws UnusableRecord where the channels are not those of the
 * means, or where the resized picture would be too large.
 */
export function preprocess(picture: Image, how: Preprocessing): PixelValues {
  const image = how.isRgb ? toRgb(picture) : picture;
  requireChannels(image, how);
  const resized = resizedTo(image, how.resize);
  return valuesOf(resized, how.crop ?? resized, how);
}

function requireChannels({ channels }: Image, { normalize }: Preprocessing): void {
  const wanted = normalize?.mean.length ?? channels;
  if (channels === wanted) return;
  const named = (count: number) =>
    count === 1 ? 'grey' : count === 3 ? 'RGB' : `of ${count} channels`;
  throw new UnusableRecord(
    `is ${named(channels)}; the preprocessing has means of pictures that are ${named(wanted)} · ` +
      'convert the picture, or set do_convert_rgb',
  );
}

function resizedTo(image: Image, how: Preprocessing['resize']): Image {
  if (how === undefined) return image;
  const { width, height } = sizeAfter(image, how.to);
  if (width * height > imageLimits.pixels) {
    throw new UnusableRecord(
      `is ${image.width} x ${image.height} pixels, which resizing makes ${width} x ${height}; ` +
        `at most ${imageLimits.pixels} pixels are made · cut the picture`,
    );
  }
  return resize(image, width, height, how.filter);
}

/** The longer edge is cut to a whole number, as transformers does. */
function sizeAfter(image: Image, to: Size | { readonly shortestEdge: number }): Size {
  if (!('shortestEdge' in to)) return to;
  const { width, height } = image;
  const edge = to.shortestEdge;
  const isUpright = width <= height;
  const long = Math.trunc((edge * Math.max(width, height)) / Math.min(width, height));
  return isUpright ? { width: edge, height: long } : { width: long, height: edge };
}

function valuesOf(
  { width: fullWidth, height: fullHeight, channels, pixels }: Image,
  { height, width }: Size,
  how: Preprocessing,
): PixelValues {
  const top = Math.floor((fullHeight - height) / 2);
  const left = Math.floor((fullWidth - width) / 2);
  const values = new Float32Array(channels * height * width);
  for (let c = 0; c < channels; c += 1) {
    const table = tableOf(c, how);
    const black = table[0] ?? 0;
    let to = c * height * width;
    for (let y = 0; y < height; y += 1) {
      const fromY = y + top;
      const isRow = fromY >= 0 && fromY < fullHeight;
      for (let x = 0; x < width; x += 1) {
        const fromX = x + left;
        const isInside = isRow && fromX >= 0 && fromX < fullWidth;
        const at = (fromY * fullWidth + fromX) * channels + c;
        values[to++] = isInside ? (table[pixels[at] ?? 0] ?? 0) : black;
      }
    }
  }
  return { channels, height, width, values };
}

/** The value of each sample of a channel, rounded to float32 where NumPy rounds. */
function tableOf(channel: number, { scale, normalize }: Preprocessing): Float32Array {
  const mean = Math.fround(normalize?.mean[channel] ?? 0);
  const std = Math.fround(normalize?.std[channel] ?? 1);
  return Float32Array.from({ length: 256 }, (_, sample) => {
    const scaled = Math.fround(sample * (scale ?? 1));
    return normalize === undefined ? scaled : Math.fround(Math.fround(scaled - mean) / std);
  });
}
