// Pictures made worse, as a network is to see them: what is done is named by the job, and drawn by
// the names of a stream, so that a sample is the same on every worker and after a resume.
import { drawsOf, type Stream, streamOf } from '../../tensor/streams.ts';
import type { Image } from '../images/image.ts';
import { resize } from '../images/resize.ts';
import { blurred } from './blurred.ts';
import { compressed } from './compressed.ts';
import { noisy } from './noisy.ts';

export type Degradation =
  /** Standard deviation of Gaussian noise, of samples from 0 to 255. */
  | { readonly noise: number }
  /** Standard deviation of a Gaussian filter, in pixels. */
  | { readonly blur: number }
  /** Quality of a JPEG. */
  | { readonly jpeg: number }
  /** Smaller by this factor, and as large again; both bicubic. */
  | { readonly downUp: number };

/** All of them, in their order. */
export function degraded(image: Image, all: readonly Degradation[], stream: Stream): Image {
  return all.reduce((picture, one, place) => apply(picture, one, stream, place), image);
}

/**
 * One to three of them, drawn, in an order that is drawn too: what networks are pre-trained on that
 * are to learn any of them later (Park, Kim & Chun 2024).
 */
export function chosenDegradations(
  all: readonly Degradation[],
  stream: Stream,
): readonly Degradation[] {
  const draws = drawsOf(stream);
  const left = [...all];
  const count = Math.min(left.length, 1 + draws.below(mostAtOnce));
  return Array.from({ length: count }, () => left.splice(draws.below(left.length), 1)).flat();
}

const mostAtOnce = 3;

function apply(image: Image, one: Degradation, stream: Stream, place: number): Image {
  if ('noise' in one) return noisy(image, one.noise, streamOf(stream.key, 'noise', place));
  if ('blur' in one) return blurred(image, one.blur);
  if ('jpeg' in one) return compressed(image, one.jpeg);
  const [width, height] = [image.width, image.height].map((side) =>
    Math.max(1, Math.floor(side / one.downUp)),
  ) as [number, number];
  return resize(resize(image, width, height, 'Bicubic'), image.width, image.height, 'Bicubic');
}
