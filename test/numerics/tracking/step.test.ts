// A step of a tracker: its gradients against finite differences, and that packing, micro-batches
// and tapes change nothing.
import test from 'ava';
import { BlockWalk } from '../../../worker/engine/block-walk.ts';
import { buildModel } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { type HostSequence, toSequence } from '../../../worker/engine/packed-sequence.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { overlapsOf } from '../../../worker/tracking/boxes.ts';
import { foundIn } from '../../../worker/tracking/head.ts';
import { inputOf } from '../../../worker/tracking/pictures.ts';
import { heldOutLoss } from '../../../worker/train/held-out-loss.ts';
import {
  factorsSeeDenseGradients,
  gradientsAreSlopes,
  losesOnlyRounding,
  refusesTeacher,
  reordered,
  tapesAreAlike,
  togetherAsAlone,
  toyLora,
} from '../../builders/step-properties.ts';
import { gradientsOf } from '../../builders/training.ts';
import {
  plainSizes,
  toySizes,
  toyTracker,
  trackedSequence,
  trackingSource,
} from '../../toy/tracking.ts';

test.before(() => setThreads(1));

const config = toyTracker();

function aTracker(sizes = toySizes, dtype: DType = 'float64'): Model {
  return buildModel(trackingSource(sizes), { dtype, adapter: null, sequenceLength: undefined });
}

const cases = { 'with resized positions': toySizes, 'with positions as they are': plainSizes };

for (const [name, sizes] of Object.entries(cases)) {
  test(`the gradient of every tensor is the slope of the loss with fixed aims, ${name}`, (t) => {
    const model = aTracker(sizes);
    using _parameters = model.parameters;
    const batch = [trackedSequence(toyTracker(sizes), [1, 2], { padding: 3 })];
    const aims = fits(model, batch[0]).map(({ iou }) => iou);
    const withFixedAims = (): number => {
      const { loss } = gradientsOf(model, batch);
      const moved = fits(model, batch[0]).map(
        ({ iou, score }, i) => (iou - (aims[i] ?? 0)) * score,
      );
      return loss + moved.reduce((sum, one) => sum + one, 0) / moved.length;
    };
    gradientsAreSlopes(t, model, batch, {
      ...{ lossOf: withFixedAims, fixed: 'dinov2.embeddings.cls_token', h: 1e-6 },
    });
  });
}

/** Of each target: the IoU that its score is to be, and the score. */
function fits(model: Model, host: HostSequence | undefined) {
  if (host === undefined) return [];
  return scope(() => {
    const sequence = toSequence(model, host);
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [x] = walk.finish();
    if (x === undefined) throw new Error('the sequence did not pass the blocks');
    const { network } = model;
    const outputs = network.logits(model, network.targetStates(model, x, sequence, {}));
    const { scores, boxes } = foundIn(sequence, outputs);
    const { contextLength: length, searchSide } = toyTracker(
      host.values?.['template']?.shape[1] === plainSizes.template ? plainSizes : toySizes,
    );
    const rows = [...host.labels.entries()].flatMap(([row, label]) => (label < 0 ? [] : [row]));
    const all = toArray(scores);
    return rows.map((row) => {
      const document = Math.floor(row / length);
      const token = row - (document + 1) * (length - searchSide ** 2);
      const box = ops.narrow(inputOf(sequence, 'box'), 0, document, 1);
      const [iou = Number.NaN] = toArray(overlapsOf(ops.narrow(boxes, 0, token, 1), box).iou);
      return { iou, score: all[token] ?? Number.NaN };
    });
  });
}

test('a tracker has the same bits with every mode of tape', (t) => {
  const model = aTracker();
  using _parameters = model.parameters;
  const batch = [trackedSequence(config, [1, 2]), trackedSequence(config, [3], { key: 1 })];
  tapesAreAlike(t, model, batch);
});

test('documents in one sequence are the documents alone, whatever follows them', (t) => {
  const model = aTracker();
  using _parameters = model.parameters;
  togetherAsAlone(
    t,
    model,
    [1, 2, 3].map((seed, key) => trackedSequence(config, [seed], { key })),
    [trackedSequence(config, [1, 2, 3], { padding: 5 })],
  );
});

test('in smaller types a tracker loses only their rounding', (t) => {
  const batch = [trackedSequence(config, [1, 2, 3])];
  const allowed = { float32: 1e-4, bfloat16: 0.5 };
  losesOnlyRounding(t, (dtype) => aTracker(toySizes, dtype), batch, allowed);
});

test('factors see the dense gradients of split queries, keys and values', (t) => {
  const model = aTracker();
  using _parameters = model.parameters;
  const adapter = toyLora((path) => /\.(q_proj|v_proj|fc1)$/.test(path), 'float64');
  const adapted = buildModel(trackingSource(), {
    ...{ dtype: 'float64', adapter, sequenceLength: undefined },
  });
  using _others = adapted.parameters;
  const batch = [trackedSequence(config, [1, 2])];
  const factors = gradientsOf(adapted, batch);
  const paths = [...adapted.adapted.keys()];
  t.is(paths.length, 3 * 2);
  factorsSeeDenseGradients(t, adapted, factors, gradientsOf(model, batch), paths);
  const whole = [...factors.gradients.keys()].filter((name) => !name.includes('lora_'));
  t.deepEqual(
    whole.filter((name) => !name.startsWith('head.')),
    ['token_type_embed.weight'],
  );
  t.is(whole.length, 1 + 2 * 3 * 2, 'both heads train whole beside an adapter');
});

test('held-out loss is that of a step, and boxes with the highest scores are compared', async (t) => {
  const model = aTracker();
  using _parameters = model.parameters;
  const batch = [trackedSequence(config, [1, 2]), trackedSequence(config, [5])];
  const found = await heldOutLoss(model, batch, () => false);
  const { loss } = gradientsOf(model, batch);
  t.true(Math.abs((found?.loss ?? Number.NaN) - loss) <= reordered);
  t.is(found?.accuracy, null);
  t.is(found?.sums.length, 3, 'one for each document');
  const overlap = found?.overlap ?? Number.NaN;
  t.true(overlap > 0 && overlap < 1, `${overlap}`);
});

test('an objective that a teacher gives is refused in a sentence', (t) => {
  const model = aTracker();
  using _parameters = model.parameters;
  const sentence = /the model is a lorat, which learns from the boxes of its data alone/;
  refusesTeacher(t, model, [trackedSequence(config, [1])], sentence);
});
