/**
 * Resizing as Pillow 13 does it (src/libImaging/Resample.c), to the byte: an antialiased filter
 * whose support grows with the scale, along rows and along columns, rounded to 8 bits after each,
 * with coefficients of 22 fractional bits. torchvision and libvips give other bytes, so a model
 * that was trained behind Pillow must see Pillow's.
 */
import type { Image } from './image.ts';
import type { ResizeFilter } from './preprocessing.ts';

interface Filter {
  /** Half of the width where it is not 0. */
  readonly support: number;
  readonly at: (x: number) => number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

/** Keys's cubic with a = -0.5. */
function cubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

function hamming(distance: number): number {
  const x = Math.abs(distance);
  return x >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(x * Math.PI));
}

const filters: Readonly<Record<ResizeFilter, Filter>> = {
  Box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  Bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  Hamming: { support: 1, at: hamming },
  Bicubic: { support: 2, at: cubic },
  Lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

const precisionBits = 32 - 8 - 2;
const half = 1 << (precisionBits - 1);

/** For each place of the output, the first place of the input and the weights from there on. */
interface Coefficients {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `[outputs, width]`, integers of 22 fractional bits. */
  readonly weights: Int32Array;
  readonly width: number;
}

/** `width` and `height` are at least 1; an equal size gives back the same picture. */
export function resize(image: Image, width: number, height: number, filter: ResizeFilter): Image {
  const toWidth = (from: Image): Image =>
    width === from.width ? from : alongRows(from, coefficients(from.width, width, filter));
  const toHeight = (from: Image): Image =>
    height === from.height ? from : alongColumns(from, coefficients(from.height, height, filter));
  // Since Pillow 13; before, rows were always first.
  const lost = image.height - height;
  const isHeightFirst = lost > 0 && lost > 2 * (image.width - width);
  return isHeightFirst ? toWidth(toHeight(image)) : toHeight(toWidth(image));
}

function coefficients(from: number, to: number, name: ResizeFilter): Coefficients {
  const filter = filters[name];
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const support = filter.support * stretch;
  const width = Math.ceil(support) * 2 + 1;
  const [first, count] = [new Int32Array(to), new Int32Array(to)];
  const weights = new Int32Array(to * width);
  const row = new Float64Array(width);
  for (let i = 0; i < to; i += 1) {
    const center = (i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(center - support + 0.5));
    const length = Math.min(from, Math.trunc(center + support + 0.5)) - begin;
    let sum = 0;
    // Times the inverse, as there: a division may differ in the last bit.
    for (let k = 0; k < length; k += 1) {
      row[k] = filter.at((k + begin - center + 0.5) * (1 / stretch));
      sum += row[k] ?? 0;
    }
    first[i] = begin;
    count[i] = length;
    for (let k = 0; k < length; k += 1) {
      const share = sum === 0 ? (row[k] ?? 0) : (row[k] ?? 0) / sum;
      weights[i * width + k] = Math.trunc(share * 2 ** precisionBits + (share < 0 ? -0.5 : 0.5));
    }
  }
  return { first, count, weights, width };
}

function alongRows(image: Image, { first, count, weights, width: most }: Coefficients): Image {
  const { height, channels, pixels: from } = image;
  const width = first.length;
  const pixels = new Uint8Array(width * height * channels);
  let to = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [weight, length] = [x * most, count[x] ?? 0];
      const start = (y * image.width + (first[x] ?? 0)) * channels;
      for (let c = 0; c < channels; c += 1) {
        let sum = half;
        for (let k = 0; k < length; k += 1) {
          sum += (from[start + c + k * channels] ?? 0) * (weights[weight + k] ?? 0);
        }
        pixels[to++] = rounded(sum);
      }
    }
  }
  return { width, height, channels, pixels };
}

function alongColumns(image: Image, { first, count, weights, width: most }: Coefficients): Image {
  const { width, channels, pixels: from } = image;
  const height = first.length;
  const row = width * channels;
  const pixels = new Uint8Array(row * height);
  for (let y = 0; y < height; y += 1) {
    const [weight, length] = [y * most, count[y] ?? 0];
    const start = (first[y] ?? 0) * row;
    for (let x = 0; x < row; x += 1) {
      let sum = half;
      for (let k = 0; k < length; k += 1) {
        sum += (from[start + x + k * row] ?? 0) * (weights[weight + k] ?? 0);
      }
      pixels[y * row + x] = rounded(sum);
    }
  }
  return { width, height, channels, pixels };
}

function rounded(sum: number): number {
  return Math.max(0, Math.min(255, sum >> precisionBits));
}
