// How like their targets restored pictures are, in words.
import type * as z from 'zod';
import type { pictureLikeness } from '../../crds/wire/picture-likeness.ts';
import { real } from '../terminal/numbers.ts';

type Likeness = z.output<typeof pictureLikeness>;

/** `PSNR 25.36 dB · SSIM 0.795`, or of several in turn `PSNR 25.36 → 26.01 dB · …`. */
export function likenessWords(...all: readonly Likeness[]): string {
  const each = (of: (one: Likeness) => string): string => all.map(of).join(' → ');
  const [psnr, ssim] = [each((one) => real(one.psnr, 2)), each((one) => real(one.ssim, 3))];
  return `PSNR ${psnr} dB · SSIM ${ssim}`;
}
