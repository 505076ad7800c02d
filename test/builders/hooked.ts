// What methods hook into a decoder by, they hook into any network by: inputs of linear layers that
// are shown, rotated products, frozen weights in codes.
import type { ExecutionContext } from 'ava';
import { linearLayers } from '../../worker/engine/adapted-layers.ts';
import { BlockWalk } from '../../worker/engine/block-walk.ts';
import {
  type BuildOptions,
  buildModel,
  type ModelSource,
} from '../../worker/engine/build-model.ts';
import { type HostSequence, toSequence } from '../../worker/engine/packed-sequence.ts';
import { Halo } from '../../worker/methods/precision/halo.ts';
import { nf4 } from '../../worker/methods/weights/nf4.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { type Tensor, toBytes } from '../../worker/tensor/tensor.ts';
import { toyLora } from './step-properties.ts';
import { gradientsOf, stepGap } from './training.ts';

export interface Hooked {
  readonly source: ModelSource;
  readonly sequences: readonly HostSequence[];
  readonly sequenceLength: number;
}

function build({ source, sequenceLength }: Hooked, options: Partial<BuildOptions> = {}) {
  return buildModel(source, { dtype: 'float64', adapter: null, sequenceLength, ...options });
}

/** An observer sees the input of each layer, of so many rows, and changes no bit. */
export function showsInputs(
  t: ExecutionContext,
  hooked: Hooked,
  rows: (path: string) => number | undefined,
): void {
  const model = build(hooked);
  using _parameters = model.parameters;
  scope(() => {
    const sequences = hooked.sequences.map((host) => toSequence(model, host));
    const bytesOf = (walk: BlockWalk, input?: (path: string, x: Tensor) => void) =>
      walk.finish(input === undefined ? {} : { input }).map((x) => Buffer.from(toBytes(x)));
    using plain = new BlockWalk(model, sequences);
    const expected = bytesOf(plain);
    const seen = new Map<string, readonly number[]>();
    using watched = new BlockWalk(model, sequences);
    const found = bytesOf(watched, (path, x) => void seen.set(path, x.shape));
    t.deepEqual(found, expected);
    t.deepEqual(
      [...seen],
      linearLayers(model.config).map(({ path, in: inputs }) => [path, [rows(path), inputs]]),
    );
  });
}

/** Products that are rotated but not rounded have the same gradients. */
export function rotates(
  t: ExecutionContext,
  hooked: Hooked,
  excludes: (path: string) => boolean,
): void {
  const plain = build(hooked);
  using _plain = plain.parameters;
  const precision = new Halo({
    ...{ format: 'Exact', level: 2, reuses: true, rotation: 'Hartley', tokenBlock: 1024 },
    excludes,
  });
  const rotated = build(hooked, { precision });
  using _rotated = rotated.parameters;
  const { sequences } = hooked;
  const gap = stepGap(gradientsOf(plain, sequences), gradientsOf(rotated, sequences, 'recompute'));
  // Rotations there and back of rows of 32 to 288 values, in four to twelve layers.
  t.true(gap <= 1e-11, `${gap}`);
}

/** Factors beside weights in 4 bits learn from what these decode to; so many tensors train. */
export function learnsBesideCodes(t: ExecutionContext, hooked: Hooked, trained: number): void {
  const { source, sequences } = hooked;
  const shared = { adapter: toyLora(() => true, 'float32'), dtype: 'float32' } as const;
  const store = nf4({ blockSize: 32, scales: 'DoubleQuantized' });
  const coded = build(hooked, { ...shared, store });
  using _coded = coded.parameters;
  const inCodes = new Set(linearLayers(source.config).map(({ path }) => `${path}.weight`));
  const load: typeof source.load = (name, dtype) =>
    inCodes.has(name)
      ? ops.dequantizeWeight(coded.parameters.value(name), { dtype })
      : source.load(name, dtype);
  const decoded = build({ ...hooked, source: { ...source, load } }, shared);
  using _decoded = decoded.parameters;
  const [ours, theirs] = [coded, decoded].map((model) => gradientsOf(model, sequences));
  t.is(ours?.gradients.size, trained);
  t.true(ours !== undefined && theirs !== undefined && stepGap(ours, theirs) <= 1e-5);
  t.true([...(ours?.gradients.values() ?? [])].flat().some((g) => g !== 0));
}
