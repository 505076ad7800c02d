// A model of two stages: the second reads the states of the first beside its own stream, and a
// place with tensors lies between them.
import test from 'ava';
import { BlockWalk } from '../../../worker/engine/block-walk.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import type { Place } from '../../../worker/families/family.ts';
import { inletsOf, stageOf } from '../../../worker/families/family.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { native } from '../../../worker/tensor/native.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { gradientsAreSlopes, reordered, tapesAreAlike } from '../../builders/step-properties.ts';
import { gradientsOf, stepGap } from '../../builders/training.ts';
import { twoStageSequence, twoStages } from '../../toy/two-stages.ts';

test.before(() => setThreads(1));

const documents = [
  [1, 4, 2, 9],
  [3, 3, 7],
] as const;
const hosts = [twoStageSequence(documents, 5), twoStageSequence([[8, 1, 6]], 9, 1)];

test('places say which stage they are of', (t) => {
  const { places } = twoStages();
  t.deepEqual(inletsOf(places), ['low', 'high']);
  const order = places.order.slice(0, -1);
  t.deepEqual(
    order.map((place) => stageOf(places, place)),
    [0, 0, 0, 1, 1, 1],
  );
});

test('the gradient of every tensor of both stages is the slope of the loss', (t) => {
  const model = twoStages();
  using _parameters = model.parameters;
  // 1e-16 of a loss of 10 over h, and h^2 of a third derivative of size 1e3.
  const allowed = (slope: number) => 1e-8 * Math.max(1, Math.abs(slope));
  gradientsAreSlopes(t, model, hosts, { h: 1e-6, allowed });
});

test('side streams have the same bits with every mode of tape', (t) => {
  const model = twoStages();
  using _parameters = model.parameters;
  tapesAreAlike(t, model, hosts);
});

test('documents read the states of their own first stage, alone or packed', (t) => {
  const model = twoStages();
  using _parameters = model.parameters;
  const alone = documents.map((document, key) => twoStageSequence([document], 5, key));
  const gap = stepGap(
    gradientsOf(model, alone),
    gradientsOf(model, [twoStageSequence(documents, 5)]),
  );
  t.true(gap <= reordered, `${gap}`);
});

test('what is frozen gets no gradient, and nothing below the lowest that trains is asked for one', (t) => {
  const all = twoStages();
  using _all = all.parameters;
  const whole = gradientsOf(all, hosts);
  const cases: readonly (readonly [Place[], asked: number])[] = [
    // Of a sequence: three weights and the input of each block, two sides of which one is read,
    // and the tensors and the input of each end.
    [['out'], 2],
    [[3], 1 + 4],
    [[2, 3], 1 + 2 * 4],
    [['high'], 1 + 2 * (1 + 2) + 3],
    [[1, 3], 1 + (4 + 2) + (1 + 2) + 1 + 2],
  ];
  for (const [trained, asked] of cases) {
    const model = twoStages((place) => trained.includes(place));
    using _parameters = model.parameters;
    const counted = askedGradients(() => gradientsOf(model, hosts));
    t.is(counted.asked, asked * hosts.length, `${trained}`);
    for (const [name, values] of counted.result.gradients) {
      const off = (whole.gradients.get(name) ?? []).map((x, i) => Math.abs(x - (values[i] ?? 9)));
      t.true(Math.max(...off) <= reordered, `${name} of ${trained}`);
    }
    const own = model.parameters.all().filter(({ role }) => role === 'trained');
    t.is(counted.result.gradients.size, own.length);
  }
});

/** How many gradients a step asks a tape for. */
function askedGradients<T>(body: () => T): { readonly result: T; readonly asked: number } {
  const { grad } = native;
  let asked = 0;
  native.grad = (outputs, inputs, seeds) => {
    asked += inputs.length;
    return grad(outputs, inputs, seeds);
  };
  try {
    return { result: body(), asked };
  } finally {
    native.grad = grad;
  }
}

test('a walk passes both stages, gives what the step gives, and leaves nothing behind', (t) => {
  const model = twoStages();
  using _parameters = model.parameters;
  const before = liveHandles();
  scope(() => {
    const sequences = hosts.map((host) => toSequence(model, host));
    using walk = new BlockWalk(model, sequences, { head: true });
    const lengths: number[][] = [walk.streams.map(({ shape }) => shape[0] ?? 0)];
    while (!walk.isOver) {
      walk.advance();
      lengths.push(walk.streams.map(({ shape }) => shape[0] ?? 0));
    }
    const [low, high] = [
      [10, 9],
      [7, 3],
    ];
    t.deepEqual(lengths, [low, low, high, high, high]);
    using part = new BlockWalk(model, sequences, { blocks: 2 });
    part.finish();
    t.deepEqual(
      part.streams.map(({ shape }) => shape[0]),
      low,
      'no stage begins behind the end',
    );
  });
  t.is(liveHandles(), before);
});
