// A step on the emulated device beside the same one on the processor.
import type { ExecutionContext } from 'ava';
import {
  type BuildOptions,
  buildModel,
  type ModelSource,
} from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import type { Device } from '../../worker/tensor/device.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { reordered } from './step-properties.ts';
import { gradientsOf, stepGap } from './training.ts';

interface Settings extends Pick<BuildOptions, 'sequenceLength'> {
  /** @default none */
  readonly adapter?: BuildOptions['adapter'];
  /** How many tensors have a gradient. @default all */
  readonly trained?: (model: Model) => number;
}

/** The device has the gradients of the processor, with every tape that it may keep. */
export function hasGradientsOfProcessor(
  t: ExecutionContext,
  source: ModelSource,
  sequences: readonly HostSequence[],
  { trained = ({ parameters }) => parameters.all().length, ...options }: Settings,
): void {
  const load: typeof source.load = (name, dtype) => scope(() => source.load(name, dtype), 'cpu');
  const on = (device: Device): Model =>
    buildModel({ ...source, load }, { dtype: 'float64', adapter: null, ...options, device });
  const host = scope(() => on('cpu'), 'cpu');
  using _host = host.parameters;
  const there = on('cuda:0');
  using _there = there.parameters;
  const expected = scope(() => gradientsOf(host, sequences), 'cpu');
  const kept = gradientsOf(there, sequences, 'keep');
  t.true(there.parameters.all().every(({ value }) => value.device === 'cuda:0'));
  t.is(kept.gradients.size, trained(there));
  const gap = stepGap(expected, kept);
  t.true(gap <= reordered, `${gap}`);
  t.deepEqual(gradientsOf(there, sequences, 'recompute'), kept);
}
