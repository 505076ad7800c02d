// Channels that are split change no output; rounded inputs without outliers lose less.

import test from 'ava';
import { decoderConfig } from '../../../worker/decoder/config.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import { checkLogits } from '../../../worker/publish/reload-check.ts';
import {
  BlockTransforms,
  type TransformSettings,
} from '../../../worker/quantize/block-transforms.ts';
import {
  type ChannelSplit,
  partsOf,
  placed,
  searchedSplit,
  splitGram,
  splitInputs,
} from '../../../worker/quantize/channel-split.ts';
import { quantizeBlocks } from '../../../worker/quantize/quantize-blocks.ts';
import { roundedTokens } from '../../../worker/quantize/rounded-inputs.ts';
import { relativeLoss, tried } from '../../../worker/quantize/trial.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';

const channels = 576;

function draw(name: string, shape: readonly number[], dtype: 'float32' | 'float64' = 'float32') {
  return normal(shape, 1, streamOf(9, 'channel-split.test', name), dtype);
}

/** Three channels of the inputs are far larger than the others. */
function someInputs(dtype: 'float32' | 'float64' = 'float32'): Tensor {
  return scope(() => {
    const x = draw('x', [300, channels], dtype);
    for (const channel of [7, 300, 511]) ops.mulScalar_(ops.narrow(x, 1, channel, 1), 12);
    return x;
  });
}

const largestOf = (x: Tensor): readonly number[] => toArray(ops.amax(ops.abs(x), [0]));
const norm = (x: Tensor): number => item(ops.linalgVectorNorm(x));

/** With the added parts behind all channels. */
function longer(parts: readonly number[]): ChannelSplit {
  const added = parts.flatMap((own, channel) => Array<number>(own - 1).fill(channel));
  const index = [...parts.keys(), ...added];
  const own = index.map((channel) => parts[channel] ?? 1);
  return {
    index: tensor(index, [index.length], 'int64'),
    parts: tensor(own, [own.length], 'float32'),
  };
}

test('split channels give the same outputs, and as few as are added make the largest least', (t) => {
  scope(() => {
    const [x, W] = [someInputs('float64'), draw('w', [64, channels], 'float64')];
    for (const extra of [1, 5, 40]) {
      const parts = partsOf(largestOf(x), extra);
      t.is(
        parts.reduce((sum, own) => sum + own - 1, 0),
        extra,
      );
      const sizes = largestOf(x).map((size, i) => size / parts[i]!);
      const most = Math.max(...sizes);
      // One part less of any channel that is split is larger than all parts are.
      const fewer = largestOf(x).filter((_, i) => parts[i]! > 1);
      const split = parts.filter((own) => own > 1);
      t.true(fewer.every((size, i) => size / (split[i]! - 1) >= most));
      const own = longer(parts);
      const y = ops.linear(splitInputs(x, own), ops.indexSelect(W, 1, own.index));
      t.true(norm(ops.sub(y, ops.linear(x, W))) <= 1e-10 * norm(y));
      const gram = ops.mm(ops.t(x), x);
      const inputs = splitInputs(x, own);
      const off = norm(ops.sub(splitGram(gram, own), ops.mm(ops.t(inputs), inputs)));
      t.true(off <= 1e-10 * norm(gram));
    }
  });
});

test('twelve parts of 576 channels more than halve what inputs of 4 bits lose', (t) => {
  scope(() => {
    const [x, W] = [someInputs(), draw('w', [64, channels])];
    const y = ops.linear(x, W);
    const lost = (extra: number) => {
      const own = longer(partsOf(largestOf(x), extra));
      const rounded = roundedTokens(splitInputs(x, own), 'Int4');
      return norm(ops.sub(ops.linear(rounded, ops.indexSelect(W, 1, own.index)), y)) / norm(y);
    };
    const losses = [0, 1, 2, 6, 12, 30].map(lost);
    t.log(losses.map((one) => one.toFixed(3)).join(' '));
    t.true(losses[5]! < 0.5 * losses[0]!, `${losses}`);
    const identity = longer(partsOf(largestOf(x), 0));
    t.is(norm(ops.sub(splitInputs(x, identity), x)), 0);
  });
});

test('parts take the places of what counts least, and as many as pay', (t) => {
  scope(() => {
    const parts = [1, 3, 1, 1, 2, 1];
    const { index, parts: own } = placed(parts, [9, 0, 1, 8, 0, 2]);
    t.deepEqual(toArray(index), [0, 1, 1, 4, 4, 1]);
    t.deepEqual(
      toArray(own),
      toArray(index).map((channel) => parts[channel]!),
    );
    const grid = { bits: 8, range: 'Symmetric' } as const;
    const trial = { grid, inputs: (x: Tensor) => roundedTokens(x, 'Int4') };
    const [x, weight] = [someInputs(), draw('w', [64, channels])];
    const y = ops.linear(x, weight);
    const largest = ops.amax(ops.abs(x), [0]);
    const found = searchedSplit({ x, y, weight, largest }, 32, trial);
    t.not(found, null);
    const columns = ops.indexSelect(weight, 1, found!.index);
    const after = relativeLoss(
      { x: splitInputs(x, found!), y },
      tried(columns, null, trial),
      trial,
    );
    const before = relativeLoss({ x, y }, tried(weight, null, trial), trial);
    t.true(after < 0.6 * before, `${after} ${before}`);
    // Nothing is split where inputs are not rounded.
    t.is(searchedSplit({ x, y, weight, largest }, 32, { grid: { ...grid, bits: 8 } }), null);
  });
});

const hosts = [aSequence([countUp(0, 30), countUp(20, 5)]), aSequence([countUp(11, 40)])];

for (const name of ['llama', 'phi3']) {
  test(`${name}: where parts take the places of unused channels, logits stay`, (t) => {
    const model = aToyModel({ name });
    using parameters = model.parameters;
    const { I, fused } = decoderConfig(model.config);
    const settings: TransformSettings = {
      ...{ grid: { bits: 8, range: 'Symmetric' }, rank: 0, iterations: 1, splits: 4 },
      smoothing: 'None',
      inputs: (x) => roundedTokens(x, 'Int4'),
    };
    using transforms = new BlockTransforms(settings);
    scope(() => {
      for (let layer = 0; layer < model.config.L; layer += 1) {
        const mlp = `model.layers.${layer}.mlp`;
        const up = parameters.value(`${mlp}.${fused ? 'gate_up_proj' : 'up_proj'}.weight`);
        const rows = ops.narrow(up, 0, fused ? I : 0, I);
        ops.mulScalar_(ops.narrow(rows, 0, 3, 1), 30);
        ops.zero_(ops.narrow(rows, 0, 8, 4));
      }
      const before = checkLogits(model);
      const sequences = hosts.map((host) => toSequence(model, host));
      const weightOf = (path: string) => parameters.value(`${path}.weight`);
      const changed: string[] = [];
      const quantize = (path: string) => {
        const rest = keep(ops.clone(transforms.rest(path, weightOf(path))));
        if (norm(ops.sub(rest, weightOf(path))) > 0) changed.push(path);
        return () => ops.clone(rest);
      };
      const prepare = (layer: number, inputs: Parameters<BlockTransforms['prepare']>[2]) =>
        transforms.prepare(model, layer, inputs, weightOf);
      t.is(
        [...quantizeBlocks(model, sequences, quantize, null, { every: 1, prepare })].length,
        model.config.L,
      );
      t.log(changed.join(' '));
      t.true(changed.some((path) => path.endsWith('down_proj')));
      const gap = item(ops.amax(ops.abs(ops.sub(before, checkLogits(model)))));
      t.true(gap < 1e-4 * item(ops.amax(ops.abs(before))), `${gap}`);
      for (const { path } of linearLayers(model.config)) parameters.unchange(`${path}.weight`);
    });
  });
}
