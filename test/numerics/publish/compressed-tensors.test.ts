// A model that was trained on a grid, written as integers: what is read back has the bits that
// trained, in both forms, and files have the shapes and the sizes of the format.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { openSafetensors } from '../../../worker/files/safetensors.ts';
import { wordsOf } from '../../../worker/methods/weights/packed-integers.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { lisaOfOne } from '../../methods/axis-values.ts';

test.before(() => setThreads(1));

const grids = {
  'LoRA before 3 bits, asymmetric groups': {
    method: { preset: 'L4Q' },
    grid: { bits: 3, groupSize: 32 },
    weights: { num_bits: 3, symmetric: false, strategy: 'group', group_size: 32 },
  },
  'scales of integers that are stored as Int4': {
    method: { preset: 'PEQA', selection: lisaOfOne },
    grid: { bits: 4, groupSize: 32, trains: 'Scales' },
    weights: { num_bits: 4, symmetric: false, strategy: 'group', group_size: 32 },
  },
  'all weights in float32, 4 bits, symmetric rows': {
    method: { preset: 'Full', precision: { type: 'Float32' } },
    grid: { bits: 4, strategy: 'Channel', range: 'Symmetric' },
    weights: { num_bits: 4, symmetric: true, strategy: 'channel', group_size: null },
  },
};

for (const [name, { method, grid, weights }] of Object.entries(grids)) {
  test.serial(`${name}: written integers are what trained`, async (t) => {
    await using folder = await temporaryFolder();
    const run = await ToyRun.make(folder.path, {
      name: 'integers',
      method: { ...method, base: { type: 'FakeQuantized', fakeQuantized: grid } },
      training: { maxSteps: 3, learningRate: '1e-2' },
      formats: ['CompressedTensors', 'MergedSafetensors'],
    });
    const report = await run.all();
    t.deepEqual(
      report.artifacts.map(({ format, reload }) => [format, reload?.largestLogitGap]),
      [
        ['CompressedTensors', 0],
        ['MergedSafetensors', 0],
      ],
    );
    const place = join(run.destination, 'compressed-tensors');
    const config = JSON.parse(await readFile(join(place, 'config.json'), 'utf8'));
    const { config_groups: groups, format, ignore } = config.quantization_config;
    t.is(format, 'pack-quantized');
    t.deepEqual(ignore, ['lm_head']);
    t.deepEqual(groups.group_0.weights, { ...weights, type: 'int', dynamic: false });
    using stored = openSafetensors(join(place, 'model.safetensors'));
    using merged = openSafetensors(join(run.destination, 'merged/model.safetensors'));
    const path = 'model.layers.1.mlp.down_proj';
    const shapeOf = (suffix: string) => stored.header.tensors.get(`${path}.${suffix}`)?.shape;
    const [out = 0, inputs = 0] = merged.header.tensors.get(`${path}.weight`)?.shape ?? [];
    const { bits } = grid;
    const each = 'groupSize' in grid ? inputs / grid.groupSize : 1;
    t.deepEqual(shapeOf('weight_packed'), [out, wordsOf(inputs, bits)]);
    t.deepEqual(shapeOf('weight_scale'), [out, each]);
    t.deepEqual(
      shapeOf('weight_zero_point'),
      weights.symmetric ? undefined : [wordsOf(out, bits), each],
    );
    t.is(shapeOf('weight'), undefined);
    t.deepEqual(
      scope(() => toArray(stored.load(`${path}.weight_shape`))),
      [out, inputs],
    );
  });
}
