// Pictures as they are stored and preprocessed: 8 bits a sample, grey or RGB.
import { UnusableRecord } from '../../files/unusable-record.ts';

export interface Image {
  readonly width: number;
  readonly height: number;
  /** 1: grey. 3: red, green, blue. */
  readonly channels: 1 | 3;
  /** `[height, width, channels]`, rows from the top. */
  readonly pixels: Uint8Array;
}

/** Of one picture, checked before memory is taken for it. */
export interface ImageLimits {
  /** Of the file. */
  readonly bytes: number;
  /** Width times height. A decoder holds at most 20 bytes for each: PNG of 16 bits with alpha. */
  readonly pixels: number;
}

/** Four times what a telephone of today takes. */
export const imageLimits: ImageLimits = { bytes: 128 * 2 ** 20, pixels: 2 ** 26 };

/** Throws UnusableRecord for a picture whose file states a size that is not read. */
export function requireSize(
  what: string,
  width: number,
  height: number,
  { pixels }: ImageLimits,
): void {
  if (width === 0 || height === 0) {
    throw new UnusableRecord(
      `is a ${what} of ${width} x ${height} pixels; both sides must be at least 1 · remove it`,
    );
  }
  if (width * height > pixels) {
    throw new UnusableRecord(
      `is a ${what} of ${width} x ${height} pixels; at most ${pixels} pixels are read · make it smaller`,
    );
  }
}

/** Brightness of ITU-R 601 in 16 fractional bits, as `convert('L')` of Pillow; grey as it is. */
export function toGrey(image: Image): Image {
  if (image.channels === 1) return image;
  const { pixels: from } = image;
  const pixels = Uint8Array.from({ length: from.length / 3 }, (_, i) => {
    const [red = 0, green = 0, blue = 0] = [from[3 * i], from[3 * i + 1], from[3 * i + 2]];
    return (red * 19_595 + green * 38_470 + blue * 7471 + 0x8000) >> 16;
  });
  return { ...image, channels: 1, pixels };
}
