// How a test holds a model beside a judge, whose numbers are in a safetensors file under the names
// of requests.
import type { ExecutionContext } from 'ava';
import type { Model } from '../../worker/engine/model.ts';
import { type HostSequence, toSequence } from '../../worker/engine/packed-sequence.ts';
import type { SafetensorsFile } from '../../worker/files/safetensors.ts';
import type { PictureSize } from '../../worker/nn/convolution.ts';
import { outputsOf } from '../../worker/publish/reload-check.ts';
import { restorationConfig } from '../../worker/restoration/config.ts';
import { asPictures } from '../../worker/restoration/pictures.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { gradientsOf } from '../builders/training.ts';

/** Infinite where one has more numbers than the other. */
export function largestGap(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY;
  return Math.max(...Array.from(ours, (value, i) => Math.abs(value - (theirs[i] ?? Number.NaN))));
}

/** Of each target of a sequence: logits, noise, or values of pixels. */
export function outputsOn(model: Model, host: HostSequence): readonly number[] {
  return scope(() => toArray(outputsOf(model, toSequence(model, host))));
}

/** Pictures of one size by rows, columns and colours. */
export function restoredBy(model: Model, host: HostSequence, size: PictureSize): readonly number[] {
  return scope(() => {
    const rows = outputsOf(model, toSequence(model, host));
    return toArray(asPictures(restorationConfig(model.config), rows, size));
  });
}

/** Loss and the gradient of every parameter of a model in float64. */
export function hasGradientsOf(
  t: ExecutionContext,
  model: Model,
  host: HostSequence,
  { peer, name }: { readonly peer: SafetensorsFile; readonly name: string },
): void {
  const theirs = (part: string) => scope(() => toArray(peer.load(`${name}.${part}`)));
  const { loss, gradients } = gradientsOf(model, [host]);
  const [judged = Number.NaN] = theirs('loss');
  t.true(Math.abs(loss - judged) <= 1e-10, `${loss} and ${judged}`);
  for (const [parameter, values] of gradients) {
    const gap = largestGap(values, theirs(`grad.${parameter}`));
    t.true(gap <= 1e-8, `${parameter}: ${gap}`);
  }
  const named = [...peer.header.tensors.keys()].filter((each) => each.startsWith(`${name}.grad.`));
  t.is(named.length, gradients.size, 'the judge has no other gradient');
}
