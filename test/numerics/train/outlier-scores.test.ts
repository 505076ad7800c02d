// The outlier score against what can be counted by hand, and what must not change it.
import test, { type ExecutionContext } from 'ava';
import { embed } from '../../../worker/decoder/embedding.ts';
import { forwardBlock } from '../../../worker/engine/block-tape.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import { learnedGrid } from '../../../worker/methods/weights/fake-quantized.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { outlierScores, scoreOf } from '../../../worker/train/outlier-scores.ts';
import { visionConfig } from '../../../worker/vision/config.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';
import { classSequence, encoderSource, toyExamples } from '../../toy/encoder.ts';
import { pictureSequence, toyPictures, visionSource } from '../../toy/vision.ts';

test.before(() => setThreads(1));

const ones = (size: number) => tensor(new Array(size).fill(1), [size], 'float64');

test('planted values are counted, in percent of all values of the block', (t) => {
  scope(() => {
    for (const [planted, size] of [
      [3, 40],
      [0, 40],
      [7, 400],
    ] as const) {
      const values = new Array<number>(size * 10).fill(1);
      for (let k = 0; k < planted; k += 1) values[k * 31] = k % 2 === 0 ? 900 : -900;
      const weight = tensor(values, [size, 10], 'float32');
      const other = tensor(new Array(60).fill(-1), [6, 10], 'float32');
      const linears = [
        { weight, squares: ones(10) },
        { weight: other, squares: ones(10) },
      ];
      t.is(scoreOf(linears, 13), (100 * planted) / (size * 10 + 60));
    }
  });
});

test('the inputs count as much as the weights, by the root of their squares', (t) => {
  scope(() => {
    const weight = tensor(new Array(40).fill(1), [4, 10], 'float64');
    const squares = ones(10);
    // One column of inputs is 20 times the others: A is 20 there and 1 elsewhere, its mean 2.9.
    ops.fill_(ops.narrow(squares, 0, 3, 1), 400);
    t.is(scoreOf([{ weight, squares }], 6.8), 10);
    t.is(scoreOf([{ weight, squares }], 7), 0);
  });
});

test('units and order do not change it, and inputs of zeros are borne', (t) => {
  scope(() => {
    const weight = normal([30, 8], 1, streamOf(1, 'outliers.test', 'w'), 'float64');
    const squares = ops.square(normal([8], 1, streamOf(1, 'outliers.test', 'c'), 'float64'));
    const score = scoreOf([{ weight, squares }], 2);
    t.true(score > 0);
    t.is(scoreOf([{ weight: ops.mulScalar(weight, 64), squares }], 2), score);
    t.is(scoreOf([{ weight, squares: ops.mulScalar(squares, 4) }], 2), score);
    const turned = { weight: ops.flip(weight, [0, 1]), squares: ops.flip(squares, [0]) };
    t.is(scoreOf([turned], 2), score);
    const dead = { weight, squares: ops.zeros([8], { dtype: 'float64' }) };
    t.is(scoreOf([dead], 2), 0);
  });
});

const sequences = [aSequence([countUp(0, 9), countUp(20, 5)]), aSequence([countUp(11, 12)])];

test('every linear layer of every block is judged by what really goes in, for all ways in which families store them', (t) => {
  const dinov2 = visionSource('dinov2');
  const pictures = [pictureSequence(visionConfig(dinov2.config), toyPictures)];
  const models = [
    ...['llama', 'phi3', 'gemma2', 'qwen3'].map((name) => ({ own: { name }, sequences })),
    { own: { source: encoderSource('bert') }, sequences: [classSequence(toyExamples)] },
    { own: { source: dinov2 }, sequences: pictures },
  ];
  for (const { own, sequences } of models) {
    const model = aToyModel({ ...own, dtype: 'float64' });
    using _parameters = model.parameters;
    const before = liveHandles();
    const done: number[] = [];
    const scores = outlierScores(model, sequences, 2, (count) => done.push(count));
    t.is(liveHandles(), before, model.config.family);
    t.deepEqual(
      done,
      [...sequences.keys()].map((index) => index + 1),
    );
    t.is(scores.length, model.config.L);
    const matrices = model.parameters.all().filter(({ layer, value }) => {
      return layer === 0 && value.shape.length === 2;
    });
    const count = matrices.reduce((sum, { value }) => sum + value.numel, 0);
    for (const score of scores) {
      t.true(score > 0 && score < 50, `${score}`);
      const values = (score * count) / 100;
      t.true(Math.abs(values - Math.round(values)) < 1e-9, 'a count of all values of the block');
    }
  }
});

test('weights in codes are judged by what they stand for, and leave nothing behind', (t) => {
  const model = aToyModel({ dtype: 'bfloat16', coded: true });
  areJudgedAsPlain(t, model, aToyModel({ dtype: 'bfloat16' }), 3);
});

test('on a grid the weights that train are judged, by inputs that are those of the grid', (t) => {
  const grid = learnedGrid({ bits: 8, range: 'Asymmetric' }, 1);
  // Inputs differ by some 1 %, so that few values pass the bound.
  const model = aToyModel({ dtype: 'float64', grid });
  areJudgedAsPlain(t, model, aToyModel({ dtype: 'float64' }), 1);
});

/** Within so many percent of the values of a block, twice alike, and without a tensor left. */
function areJudgedAsPlain(t: ExecutionContext, model: Model, plain: Model, within: number): void {
  using _parameters = model.parameters;
  using _plainParameters = plain.parameters;
  const scores = outlierScores(model, sequences, 2);
  // The tensors of what is decoded or rounded stay with the model.
  const before = liveHandles();
  t.deepEqual(outlierScores(model, sequences, 2), scores);
  t.is(liveHandles(), before);
  for (const [block, score] of outlierScores(plain, sequences, 2).entries()) {
    t.true(Math.abs(scores[block]! - score) < within, `${scores[block]} ${score}`);
  }
}

test('watching changes nothing of what is computed', (t) => {
  const model = aToyModel({ dtype: 'float64' });
  using _parameters = model.parameters;
  const output = () =>
    scope(() => {
      const sequence = toSequence(model, sequences[0]!);
      const pass = { model, layer: 0, active: [], sequence, draw: null };
      return toArray(forwardBlock(pass, embed(model, sequence.ids), 'recompute').output);
    }, model.device);
  const before = output();
  outlierScores(model, sequences, 2);
  t.deepEqual(output(), before);
});

test('a block whose weights have outliers scores higher than its neighbours', (t) => {
  const model = aToyModel({ dtype: 'float64' });
  using parameters = model.parameters;
  const before = outlierScores(model, sequences, 13);
  const { value } = parameters.get('model.layers.1.mlp.up_proj.weight');
  scope(() => ops.mulScalar_(ops.narrow(value, 0, 4, 1), 300));
  const after = outlierScores(model, sequences, 13);
  t.true(after[1]! > before[1]! && after[1]! > after[0]! && after[1]! > after[2]!, `${after}`);
});
