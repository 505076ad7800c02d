// A step of a diffusion transformer: its gradients against finite differences, and that packing,
// micro-batches and tapes change nothing.
import test from 'ava';
import { mergeSequences } from '../../../worker/data/merge-sequences.ts';
import { quarterNames } from '../../../worker/diffusion/outlet.ts';
import { buildModel } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import type { Place } from '../../../worker/families/family.ts';
import type { Adapter } from '../../../worker/methods/adapters/adapter.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { item, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { heldOutLoss } from '../../../worker/train/held-out-loss.ts';
import {
  factorsSeeDenseGradients,
  gradientsAreSlopes,
  losesOnlyRounding,
  refusesTeacher,
  reordered,
  tapesAreAlike,
  toyLora,
} from '../../builders/step-properties.ts';
import { gradientsOf, stepGap } from '../../builders/training.ts';
import { diffusionSource, noisedPictures } from '../../toy/diffusion.ts';

test.before(() => setThreads(1));

interface Built {
  readonly dtype?: DType;
  readonly adapter?: Adapter | null;
  readonly changes?: Readonly<Record<string, unknown>>;
  readonly trains?: (place: Place) => boolean;
}

function aModel({ dtype = 'float64', adapter = null, changes = {}, trains }: Built = {}): Model {
  return buildModel(diffusionSource(changes), {
    ...{ dtype, adapter, sequenceLength: 64 },
    ...(trains && { trains: ({ place }) => trains(place) }),
  });
}

const five = noisedPictures([0, 1, 2, 3, 4]);

test('the gradient of every tensor is the slope of the loss', (t) => {
  const model = aModel({ changes: { num_layers: 2 } });
  using _parameters = model.parameters;
  gradientsAreSlopes(t, model, [five]);
});

test('every mode of tape gives the same bits, with what blocks read beside their stream', (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  const packed = [five, noisedPictures([7, 8], { key: 1 })];
  tapesAreAlike(t, model, packed);
});

test('pictures in one sequence are the pictures alone', (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  const each = [0, 1, 2, 3, 4].map((n) => noisedPictures([n], { key: n }));
  const alone = gradientsOf(model, each);
  for (const sequence of [five, ...mergeSequences(each, 5)]) {
    const gap = stepGap(alone, gradientsOf(model, [sequence]));
    t.true(gap <= reordered, `${gap}`);
  }
});

test('what is frozen gets no gradient, and the others the same ones', (t) => {
  const all = aModel();
  using _all = all.parameters;
  const whole = gradientsOf(all, [five]);
  for (const places of [['head'], [2], [1], ['embedding', 2]] as const) {
    const some: readonly Place[] = places;
    const model = aModel({ trains: (place) => some.includes(place) });
    using _parameters = model.parameters;
    const { gradients } = gradientsOf(model, [five]);
    const own = model.parameters.all().filter(({ role }) => role === 'trained');
    t.deepEqual([...gradients.keys()].sort(), own.map(({ name }) => name).sort());
    for (const [name, values] of gradients) {
      const off = (whole.gradients.get(name) ?? []).map((x, i) => Math.abs(x - (values[i] ?? 9)));
      t.true(Math.max(...off) <= reordered, `${name} of ${places}`);
    }
  }
});

test('a step of LoRA on all layers of blocks trains its factors alone', (t) => {
  const adapter = toyLora(() => true, 'float64');
  const full = aModel();
  using _full = full.parameters;
  const adapted = aModel({ adapter });
  using _adapted = adapted.parameters;
  const whole = gradientsOf(full, [five]);
  const factors = gradientsOf(adapted, [five]);
  const paths = [...factors.gradients.keys()].flatMap((each) =>
    each.endsWith('.lora_B.weight') ? [each.slice(0, -'.lora_B.weight'.length)] : [],
  );
  t.is(paths.length, 3 * 7);
  t.is(factors.gradients.size, 2 * paths.length, 'nothing else trains');
  factorsSeeDenseGradients(t, adapted, factors, whole, paths);
});

test('smaller types lose only their rounding', (t) => {
  const allowed = { float32: 1e-4, bfloat16: 0.2 };
  losesOnlyRounding(t, (dtype) => aModel({ dtype }), [five], allowed);
});

test('errors are told apart by the quarter of their time steps', (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  const many = noisedPictures(Array.from({ length: 24 }, (_, n) => n));
  scope(() => {
    const sequence = toSequence(model, many);
    const { network, places } = model;
    const { x, sides } = network.enter(model, sequence, 0, null);
    const {
      loss,
      rows,
      likeness: _,
      overlaps: __,
      ...sums
    } = network.loss(model, x, sequence, sides);
    t.is(places.outlet, 'head');
    const found = Object.entries(sums).map(([name, sum]) => [name, item(sum)] as const);
    const times = [...(many.values?.['time']?.values ?? [])];
    const errors = toArray(rows);
    for (const [quarter, [error, pictures]] of quarterNames.entries()) {
      const isIn = times.map((time) => Math.floor(time / 250) === quarter);
      const expected = errors.reduce((sum, one, i) => sum + (isIn[i] ? one : 0), 0);
      const [sum = Number.NaN, count] = [error, pictures].map(
        (name) => new Map<string, number>(found).get(name) ?? Number.NaN,
      );
      t.true(Math.abs(sum - expected) <= reordered);
      t.is(count, isIn.filter(Boolean).length);
      t.true(isIn.includes(true), 'a quarter without pictures shows nothing');
    }
    const all = errors.reduce((sum, one) => sum + one, 0);
    t.true(Math.abs(item(loss) - all) <= reordered);
  });
});

test('the loss on held-out pictures is that of a step', async (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  const found = await heldOutLoss(model, [five], () => false);
  const { loss } = gradientsOf(model, [five]);
  t.true(Math.abs((found?.loss ?? Number.NaN) - loss) <= reordered);
  t.is(found?.tokens, 5);
});

test('an objective that a teacher gives is refused in a sentence', (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  const sentence = /the model is a dit, which learns from the noise in its pictures alone/;
  refusesTeacher(t, model, [five], sentence);
});
