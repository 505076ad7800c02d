/**
 * What a picture looks like once it was saved as a JPEG and read again: colours at half the size,
 * and coefficients of blocks rounded to multiples of the tables of ITU-T T.81, Annex K, which the
 * quality scales. To the byte what libjpeg-turbo does in the settings of Pillow; the file itself is
 * not made.
 */
import type { Image } from '../images/image.ts';
import { toRgbPixels } from '../images/jpeg-colour.ts';
import { type Plane, planeOf } from '../images/jpeg-plane.ts';
import { zigzag } from '../images/jpeg-scan.ts';
import { upsampled } from '../images/jpeg-upsample.ts';
import { transformForward } from './forward-transform.ts';

/** @param quality from 1 to 95, as in Pillow; grey pictures stay grey */
export function compressed(image: Image, quality: number): Image {
  const { width, height, channels } = image;
  const isGrey = channels === 1;
  const frame = { width, height, maxH: isGrey ? 1 : 2, maxV: isGrey ? 1 : 2 };
  const restore = (plane: Plane, table: readonly number[], finest: boolean): Plane => {
    const sides = finest ? { h: frame.maxH, v: frame.maxV } : { h: 1, v: 1 };
    const component = { ...sides, ...rounded(plane, scaledTable(table, quality)) };
    return upsampled(planeOf(component, frame), component, frame);
  };
  if (isGrey) {
    const plane = { width, height, samples: image.pixels };
    return { ...image, pixels: restore(plane, luminance, true).samples };
  }
  const [y, cb, cr] = planesOf(image);
  const planes = [
    restore(y, luminance, true),
    restore(halved(cb), chrominance, false),
    restore(halved(cr), chrominance, false),
  ] as const;
  return { ...image, pixels: toRgbPixels(planes, true) };
}

/** Of the tables for a quality of 50. */
function scaledTable(table: readonly number[], quality: number): Uint16Array {
  const scale = quality < 50 ? Math.trunc(5000 / quality) : 200 - 2 * quality;
  return Uint16Array.from(table, (own) =>
    Math.max(1, Math.min(255, Math.trunc((own * scale + 50) / 100))),
  );
}

/** Coefficients of the blocks of a plane, as multiples of the table, which is in rows. */
function rounded(plane: Plane, table: Uint16Array) {
  const { width, height, samples } = plane;
  const [columns, rows] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  const coefficients = new Int16Array(columns * rows * 64);
  const block = new Int32Array(64);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      for (let i = 0; i < 64; i += 1) {
        // Behind the edge the last samples repeat.
        const y = Math.min(height - 1, 8 * row + (i >> 3));
        const x = Math.min(width - 1, 8 * column + (i & 7));
        block[i] = (samples[y * width + x] ?? 0) - 128;
      }
      transformForward(block);
      const at = (row * columns + column) * 64;
      for (let i = 0; i < 64; i += 1) {
        const step = (table[i] ?? 1) * 8;
        const value = block[i] ?? 0;
        const count = Math.trunc((Math.abs(value) + (step >> 1)) / step);
        coefficients[at + i] = value < 0 ? -count : count;
      }
    }
  }
  const quantization = Uint16Array.from(zigzag, (place) => table[place] ?? 1);
  return { columns, rows, stride: columns, coefficients, quantization };
}

const fixed = (value: number): number => Math.trunc(value * 65_536 + 0.5);
const half = 1 << 15;
const chromaHalf = (128 << 16) + half - 1;

/** Luma and chroma of JFIF in integers of 16 fractional bits (jccolor.c). */
function planesOf({ width, height, pixels }: Image): readonly [Plane, Plane, Plane] {
  const plane = (): Plane => ({ width, height, samples: new Uint8Array(width * height) });
  const planes = [plane(), plane(), plane()] as const;
  const [y, cb, cr] = planes.map(({ samples }) => samples);
  for (let i = 0; i < width * height; i += 1) {
    const [r = 0, g = 0, b = 0] = [pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]];
    if (y !== undefined) {
      y[i] = (fixed(0.299) * r + fixed(0.587) * g + fixed(0.114) * b + half) >> 16;
    }
    if (cb !== undefined) {
      cb[i] = (-fixed(0.16874) * r - fixed(0.33126) * g + fixed(0.5) * b + chromaHalf) >> 16;
    }
    if (cr !== undefined) {
      cr[i] = (fixed(0.5) * r - fixed(0.41869) * g - fixed(0.08131) * b + chromaHalf) >> 16;
    }
  }
  return planes;
}

/** Means of 2 x 2 samples, whose rounding alternates, up to the last whole block (jcsample.c). */
function halved({ width, height, samples }: Plane): Plane {
  const [across, down] = [8 * Math.ceil(width / 16), Math.ceil(height / 2)];
  const small = new Uint8Array(across * down);
  const at = (y: number, x: number): number =>
    samples[Math.min(height - 1, y) * width + Math.min(width - 1, x)] ?? 0;
  for (let y = 0; y < down; y += 1) {
    for (let x = 0; x < across; x += 1) {
      const [top, left] = [2 * y, 2 * x];
      const sum = at(top, left) + at(top, left + 1) + at(top + 1, left) + at(top + 1, left + 1);
      small[y * across + x] = (sum + (x % 2 === 0 ? 1 : 2)) >> 2;
    }
  }
  return { width: across, height: down, samples: small };
}

// biome-ignore format: a table
const luminance = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
  14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
  18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
  49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
// biome-ignore format: a table
const chrominance = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
  24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
  ...new Array<number>(32).fill(99),
];
