// A step of a network that restores pictures: its gradients against finite differences, and that
// packing, micro-batches and tapes change nothing.
import test from 'ava';
import { buildModel } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { heldOutLoss } from '../../../worker/train/held-out-loss.ts';
import {
  gradientsAreSlopes,
  losesOnlyRounding,
  refusesTeacher,
  reordered,
  tapesAreAlike,
  togetherAsAlone,
} from '../../builders/step-properties.ts';
import { gradientsOf } from '../../builders/training.ts';
import { pairSequence, restorationSource } from '../../toy/restoration.ts';

test.before(() => setThreads(1));

function aNetwork(scale = 2, dtype: DType = 'float64'): Model {
  return buildModel(restorationSource({ upscale: scale }), {
    ...{ dtype, adapter: null, sequenceLength: 64 },
  });
}

for (const scale of [1, 2, 3]) {
  test(`the gradient of every tensor is the slope of the loss, for a scale of ${scale}`, (t) => {
    const model = aNetwork(scale);
    using _parameters = model.parameters;
    const batch = [pairSequence([1, 2], { scale })];
    // No value of the toy's output is nearer to its target, nor a channel to 0: the loss is
    // linear there but for products of weights.
    // 1e-16 of the loss over h, and its products over h^2.
    gradientsAreSlopes(t, model, batch, { h: 1e-7, allowed: () => 1e-7 });
  });
}

test('a network has the same bits with every mode of tape', (t) => {
  const model = aNetwork();
  using _parameters = model.parameters;
  const batch = [pairSequence([1, 2]), pairSequence([3], { key: 1 })];
  tapesAreAlike(t, model, batch);
});

test('pictures in one sequence are the pictures alone, and pixels weigh alike in each size', (t) => {
  const model = aNetwork();
  using _parameters = model.parameters;
  togetherAsAlone(
    t,
    model,
    [1, 2, 3].map((seed, key) => pairSequence([seed], { key })),
    [pairSequence([1, 2, 3])],
  );
  const sizes = [pairSequence([1]), pairSequence([2], { height: 9, width: 7, key: 1 })];
  const [small, large] = sizes.map((one) => gradientsOf(model, [one]).loss);
  const both = gradientsOf(model, sizes).loss;
  const expected = (20 * (small ?? 0) + 63 * (large ?? 0)) / 83;
  t.true(Math.abs(both - expected) <= reordered, `${both} and ${expected}`);
});

test('in smaller types a network loses only their rounding', (t) => {
  const batch = [pairSequence([1, 2, 3])];
  // A difference whose sign is rounded away changes a gradient by 2 of 480 values of the loss.
  const allowed = { float32: 1e-5, bfloat16: 0.1 };
  losesOnlyRounding(t, (dtype) => aNetwork(2, dtype), batch, allowed);
});

test('held-out loss is the mean absolute difference, and there is no accuracy', async (t) => {
  const model = aNetwork();
  using _parameters = model.parameters;
  const batch = [pairSequence([1, 2])];
  const found = await heldOutLoss(model, batch, () => false);
  const { loss } = gradientsOf(model, batch);
  t.true(Math.abs((found?.loss ?? Number.NaN) - loss) <= reordered);
  t.is(found?.tokens, 40);
  t.is(found?.accuracy, null);
  t.is(found?.perplexity, null);
  // Pictures of 10 x 8 pixels without their edges are smaller than the window of SSIM.
  t.true((found?.likeness?.psnr ?? 0) > 3 && Number.isNaN(found?.likeness?.ssim));
  t.is(found?.sums.length, 2, 'one for each picture');
  const sum = (found?.sums ?? []).reduce((total, one) => total + one, 0);
  t.true(Math.abs(sum / 40 - loss) <= reordered);
});

test('an objective that a teacher gives is refused in a sentence', (t) => {
  const model = aNetwork();
  using _parameters = model.parameters;
  const sentence = /the model is a srvgg, which learns from the pictures of its data alone/;
  refusesTeacher(t, model, [pairSequence([1])], sentence);
});
