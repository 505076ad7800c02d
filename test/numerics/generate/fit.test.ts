// Training of the network on vectors of three tasks: what it makes follows the condition, and
// nothing but names of streams decides its bits. In a file of its own: the number of threads is one
// for the whole process.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { shapeOf } from '../../../worker/generate/cvae-shape.ts';
import {
  type FitData,
  type FitState,
  fitEpoch,
  freshFit,
  generated,
} from '../../../worker/generate/fit.ts';
import { openFit, saveFit } from '../../../worker/generate/network-files.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';

const [numbers, width, tasks, each] = [700, 24, 3, 2];
const shape = shapeOf({
  ...{ numbers, condition: width, latent: 8, kernel: 7 },
  channels: [8, 16, 32, 16, 8],
});
const settings = { epochs: 60, batch: 2, learningRate: 5e-3, divergence: 0.005, seed: 3 };

function random(name: string, count: number): number[] {
  return scope(() => toArray(normal([count], 1, streamOf(9, 'fit test', name))));
}

/** Of a task: most numbers in common, some of each adapter. */
function vectorsOf(task: number): number[][] {
  const own = random(`task ${task}`, numbers);
  return Array.from({ length: each }, (_, i) => {
    const noise = random(`adapter ${task} ${i}`, numbers);
    return own.map((value, at) => value + 0.2 * (noise[at] ?? 0));
  });
}

const rows = Array.from({ length: tasks }, (_, task) => vectorsOf(task));
const conditions = Array.from({ length: tasks }, (_, task) => random(`condition ${task}`, width));

/** `tail`: what stands in the padding. */
function dataOf(tail = 0): FitData {
  const padding = new Array<number>(shape.padded - numbers).fill(tail);
  const flat = rows.flat().flatMap((row) => [...row, ...padding]);
  const repeated = conditions.flatMap((own) => Array.from({ length: each }, () => own).flat());
  const count = tasks * each;
  const made = (values: readonly number[], size: number): Tensor =>
    keep(scope(() => tensor(values, [count, size])));
  return { vectors: made(flat, shape.padded), conditions: made(repeated, width) };
}

async function trained(data: FitData, epochs: number, from?: FitState, to?: number) {
  let state = from ?? freshFit(shape, settings.seed, 'cpu');
  let loss = { error: Number.NaN, divergence: Number.NaN };
  const own = { ...settings, epochs };
  while (state.epoch < (to ?? epochs)) {
    ({ state, loss } = await fitEpoch(shape, state, data, own, 'cpu'));
  }
  return { state, loss };
}

function bitsOf({ parameters, averages }: FitState): ReadonlyMap<string, Buffer> {
  return new Map(
    [...parameters, ...averages].map(([name, value]) => [name, Buffer.from(toBytes(value))]),
  );
}

const farFrom = (made: readonly number[], wanted: readonly number[]): number =>
  Math.sqrt(
    wanted.reduce((sum, value, i) => sum + (value - (made[i] ?? Number.NaN)) ** 2, 0) /
      wanted.reduce((sum, value) => sum + value ** 2, 0),
  );

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

test.before(() => setThreads(1));

test.serial('what it makes is near the adapters of its condition, and of no other', async (t) => {
  const data = dataOf();
  const { state, loss } = await trained(data, settings.epochs);
  t.log(`loss ${loss.error.toFixed(4)}, divergence ${loss.divergence.toFixed(4)}`);
  for (const [task, condition] of conditions.entries()) {
    const made = [0, 1, 2, 3, 4].map((seed) => generated(shape, state, condition, seed, 'cpu'));
    const gaps = rows.map(([row = []]) => median(made.map((one) => farFrom(one, row))));
    t.log(gaps.map((gap) => gap.toFixed(3)).join(' '));
    // The adapters of a task are 0.2 from their mean, and tasks sqrt 2 from each other.
    for (const [other, gap] of gaps.entries()) {
      if (other === task) t.true(gap < 0.5, `own ${gap}`);
      else t.true(gap > 1, `other ${gap}`);
    }
    const [one, other] = made;
    t.notDeepEqual(one, other, 'another seed gives another adapter');
    t.deepEqual(one, generated(shape, state, condition, 0, 'cpu'), 'the same seed the same one');
  }
  state[Symbol.dispose]();
});

test.serial('padding is outside of the loss, and trains nothing', async (t) => {
  const plain = await trained(dataOf(), 2);
  // Numbers in the padding are seen by the encoder, so these must be zeros; the decoder may make
  // anything there.
  const x = generated(shape, plain.state, conditions[0] ?? [], 0, 'cpu');
  t.is(x.length, shape.padded);
  t.true(shape.padded > numbers);
  const tail = await trained(dataOf(1e3), 1);
  t.true(tail.loss.error < 10, 'a wrong tail of 1000 would be an error of a million');
  for (const { state } of [plain, tail]) state[Symbol.dispose]();
});

test.serial('any number of threads gives the same bits', async (t) => {
  // Matrices of more values than one thread's share.
  const large = shapeOf({ ...shape, numbers: 40_000 });
  const filled = (count: number, size: number): Tensor =>
    keep(scope(() => normal([count, size], 1, streamOf(9, 'fit test', 'large', size))));
  const data = { vectors: filled(2, large.padded), conditions: filled(2, width) };
  const bits: ReadonlyMap<string, Buffer>[] = [];
  for (const threads of [1, 2]) {
    setThreads(threads);
    const begun = freshFit(large, settings.seed, 'cpu');
    const once = await fitEpoch(large, begun, data, settings, 'cpu');
    const { state } = await fitEpoch(large, once.state, data, settings, 'cpu');
    bits.push(bitsOf(state));
    state[Symbol.dispose]();
  }
  setThreads(1);
  t.deepEqual(bits[1], bits[0]);
});

test.serial('it goes on from a checkpoint with the bits of one that was not stopped', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-fit-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const data = dataOf();
  const whole = await trained(data, 6);
  const first = await trained(data, 6, undefined, 3);
  t.is(openFit(folder, shape, 'd', 'cpu'), null, 'none');
  await saveFit(folder, first.state, 'd');
  t.is(openFit(folder, shape, 'other', 'cpu'), null, 'of other settings');
  const opened = openFit(folder, shape, 'd', 'cpu');
  if (opened === null) return t.fail();
  t.is(opened.epoch, 3);
  const { state } = await trained(data, 6, opened);
  t.deepEqual(bitsOf(state), bitsOf(whole.state));
  for (const one of [whole.state, first.state, state]) one[Symbol.dispose]();
});
