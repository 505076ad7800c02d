// Pictures that are changed each time they are trained on: a random part of each, as large as the
// whole (torchvision's RandomResizedCrop: area uniform, ratio of the sides uniform in its
// logarithm), and half of them mirrored.
import { drawsOf, type Stream, streamOf } from '../../tensor/streams.ts';
import type { Image } from './image.ts';
import type { ResizeFilter } from './preprocessing.ts';
import { resize } from './resize.ts';

export interface Changes {
  /** Least share of the area that a part has; absent where all of a picture is seen. */
  readonly cropArea?: number;
  readonly isMirrored: boolean;
}

/** Width over height of a part, at least and at most. */
const ratios = [3 / 4, 4 / 3] as const;
/** Parts that are drawn until one lies within the picture; after them it is the whole. */
const tries = 10;

/** Of the size of `image`. The stream says all that is drawn. */
export function augmented(
  image: Image,
  { cropArea, isMirrored }: Changes,
  filter: ResizeFilter,
  stream: Stream,
): Image {
  const part = cropArea === undefined ? image : cropped(image, cropArea, stream);
  const whole = resize(part, image.width, image.height, filter);
  if (!isMirrored) return whole;
  const draws = drawsOf(streamOf(stream.key, 'mirrored'));
  return draws.below(2) === 1 ? mirrored(whole) : whole;
}

function cropped(image: Image, least: number, stream: Stream): Image {
  const draws = drawsOf(streamOf(stream.key, 'part'));
  const [narrowest, widest] = [Math.log(ratios[0]), Math.log(ratios[1])];
  for (let drawn = 0; drawn < tries; drawn += 1) {
    const area = image.width * image.height * (least + (1 - least) * draws.uniform());
    const ratio = Math.exp(narrowest + (widest - narrowest) * draws.uniform());
    const width = Math.max(1, Math.round(Math.sqrt(area * ratio)));
    const height = Math.max(1, Math.round(Math.sqrt(area / ratio)));
    if (width > image.width || height > image.height) continue;
    const left = draws.below(image.width - width + 1);
    return partOf(image, { left, top: draws.below(image.height - height + 1), width, height });
  }
  return image;
}

interface Part {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function partOf(image: Image, { left, top, width, height }: Part): Image {
  const { channels } = image;
  const pixels = new Uint8Array(width * height * channels);
  for (let row = 0; row < height; row += 1) {
    const from = ((top + row) * image.width + left) * channels;
    pixels.set(image.pixels.subarray(from, from + width * channels), row * width * channels);
  }
  return { width, height, channels, pixels };
}

/** Left and right change places. */
function mirrored({ width, height, channels, pixels }: Image): Image {
  const turned = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const from = (y * width + x) * channels;
      turned.set(pixels.subarray(from, from + channels), (y * width + width - 1 - x) * channels);
    }
  }
  return { width, height, channels, pixels: turned };
}
