// How like their targets restored pictures are, on average over those held out.
import * as z from 'zod';

const real = z.number().nullable();

export const pictureLikeness = z.object({
  /** Peak signal-to-noise ratio of the brightness in decibels; null where one has no noise. */
  psnr: real,
  /** Structural similarity of the brightness; null where a picture is too small for its window. */
  ssim: real,
});
