// What a tracker found, for people: the template, and the search picture with a line around the
// object and one around what was found.
import type { Preprocessing } from '../data/images/preprocessing.ts';
import type { Model } from '../engine/model.ts';
import { type HostSequence, type HostValues, toSequence } from '../engine/packed-sequence.ts';
import type { Plane } from '../restoration/side-by-side.ts';
import { scope } from '../tensor/scope.ts';
import { toFloats } from '../tensor/tensor.ts';
import { bestBoxes } from '../tracking/loss.ts';
import { found, outlined, right } from '../tracking/outlined.ts';
import { outputsOf } from './reload-check.ts';

/** Of a sequence of one document, whose pixels were made values so. */
export function trackedPlanes(
  model: Model,
  { values = {}, ...host }: HostSequence,
  how: Preprocessing,
): readonly Plane[] {
  const box = scope(() => {
    const sequence = toSequence(model, { ...host, values });
    return toFloats(bestBoxes(outputsOf(model, sequence), sequence));
  }, model.device);
  const { template, search, box: asIs } = values;
  if (template === undefined || search === undefined || asIs === undefined) return [];
  const expected = outlined(planeOf(search, how), asIs.values, right);
  return [planeOf(template, how), outlined(expected, box, found)];
}

/** By row, column and colour, as it was before its values were scaled. */
function planeOf({ values, shape }: HostValues, { scale, normalize }: Preprocessing): Plane {
  const [, height = 0, width = 0] = shape;
  const area = height * width;
  const pixels = Float32Array.from({ length: 3 * area }, (_, i) => {
    const colour = i % 3;
    const value = values[colour * area + Math.trunc(i / 3)] ?? 0;
    const scaled = value * (normalize?.std[colour] ?? 1) + (normalize?.mean[colour] ?? 0);
    return scaled / (255 * (scale ?? 1));
  });
  return { width, height, values: pixels };
}
