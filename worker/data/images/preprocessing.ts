// What is done to a picture before a model sees it, as plain data: stores keep it beside the
// pictures that were prepared for it.
import * as z from 'zod';
import { UnusableRecord } from '../../files/unusable-record.ts';
import { imageLimits } from './image.ts';

const edge = z.int().min(1);
const size = z.strictObject({ height: edge, width: edge });

/** The steps, in this order; what is null is not done. */
export const preprocessing = z.strictObject({
  /** Of the model. Grey pictures become RGB and others grey, as `convert` of Pillow does it. */
  channels: z.literal([1, 3]),
  resize: z
    .strictObject({
      to: z.union([size, z.strictObject({ shortestEdge: edge })]),
      filter: z.enum(['Box', 'Bilinear', 'Hamming', 'Bicubic', 'Lanczos']),
    })
    .nullable(),
  /** From the middle; a smaller picture gets black borders. */
  crop: size.nullable(),
  /** Factor of the samples, such as 1/255. */
  scale: z.number().nullable(),
  /** Subtracted from a sample and what it is divided by then: one number a channel. */
  normalize: z.strictObject({ mean: z.array(z.number()), std: z.array(z.number()) }).nullable(),
});

export type Size = Readonly<z.output<typeof size>>;
export type Preprocessing = Readonly<z.output<typeof preprocessing>>;
export type ResizeFilter = NonNullable<Preprocessing['resize']>['filter'];

/** Of a picture once it is resized and cropped; undefined where that depends on the picture. */
export function fixedSize({ resize, crop }: Preprocessing): Size | undefined {
  if (crop !== null) return crop;
  return resize === null || 'shortestEdge' in resize.to ? undefined : resize.to;
}

/** Of this picture after resizing. Throws UnusableRecord where that would be too large. */
export function sizeAfter({ width, height }: Size, how: Preprocessing['resize']): Size {
  if (how === null) return { width, height };
  const resized = 'shortestEdge' in how.to ? byEdge(width, height, how.to.shortestEdge) : how.to;
  if (resized.width * resized.height <= imageLimits.pixels) return resized;
  throw new UnusableRecord(
    `is ${width} x ${height} pixels, which resizing makes ${resized.width} x ${resized.height}; ` +
      `at most ${imageLimits.pixels} pixels are made · cut the picture`,
  );
}

/** The longer edge is cut to a whole number, as transformers does. */
function byEdge(width: number, height: number, edge: number): Size {
  const isUpright = width <= height;
  const long = Math.trunc((edge * Math.max(width, height)) / Math.min(width, height));
  return isUpright ? { width: edge, height: long } : { width: long, height: edge };
}
