// Factors that are folded into what makes the inputs of a diffusion transformer's layers: the same
// noise at every time step and for every class, though each norm is scaled and shifted otherwise.
import test from 'ava';
import { firstNoise, guidedNoise, patchesOnDevice } from '../../../worker/denoising/sample.ts';
import { diffusionConfig } from '../../../worker/diffusion/config.ts';
import { frozenModel } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { foldingInto } from '../../../worker/quantize/folding.ts';
import { rescaled } from '../../../worker/quantize/rescale.ts';
import { withRoundedInputs } from '../../../worker/quantize/rounded-inputs.ts';
import { smoothingPlaces } from '../../../worker/quantize/smoothing-places.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { diffusionSource } from '../../toy/diffusion.ts';

const source = diffusionSource();

function theModel(): Model {
  return frozenModel(source, { dtype: 'float64', sequenceLength: undefined });
}

function draw(name: string, shape: readonly number[], dtype: DType = 'float64'): Tensor {
  return normal(shape, 1, streamOf(7, 'folding.test', name), dtype);
}

/** Of pictures of several classes, with guidance. */
function noiseAt(model: Model, time: number): readonly number[] {
  return scope(() => {
    const config = diffusionConfig(model.config);
    const x = patchesOnDevice(model, config, firstNoise(config, 3, 1));
    return toArray(guidedNoise(model, x, { classes: [0, 2, 4], guidance: 1.5, time, row: 0 }));
  });
}

test('a model whose places are divided by any factors finds the same noise', (t) => {
  const plain = theModel();
  using _plain = plain.parameters;
  const folded = theModel();
  using _folded = folded.parameters;
  const { parameters } = folded;
  const divisors = new Map<string, Tensor>();
  const value = (name: string) => parameters.value(name);
  using stack = new DisposableStack();
  for (let layer = 0; layer < source.config.L; layer += 1) {
    const before = noiseAt(folded, 400);
    const places = smoothingPlaces(source.config, layer);
    t.deepEqual(
      places.map(({ producer }) => producer.type),
      ['Modulation', 'Rows', 'Modulation', 'Nothing'],
    );
    for (const [at, { readers, producer }] of places.entries()) {
      scope(() => {
        const [reader = ''] = readers;
        const inputs = value(`${reader}.weight`).shape[1] ?? 0;
        const wanted = ops.exp(draw(`${layer} ${at}`, [inputs]));
        const rowsOf = (path: string) => value(`${path}.weight`).shape[0] ?? 0;
        const { columns, rows, vectors, isRead } = foldingInto(producer, value, rowsOf).fold(
          wanted,
        );
        t.true(
          item(
            ops.amax(
              ops.abs(ops.sub(ops.div(columns, wanted), ops.ones([inputs], { dtype: 'float64' }))),
            ),
          ) < 1e-9,
        );
        for (const path of readers) {
          const weight = value(`${path}.weight`);
          ops.copy_(weight, rescaled(weight, { columns, rows: null }));
          if (isRead) divisors.set(path, stack.use(keep(ops.clone(columns))));
        }
        if (rows !== null) {
          const weight = value(`${rows.path}.weight`);
          ops.copy_(weight, rescaled(weight, { columns: null, rows: rows.by }));
        }
        for (const [name, changed] of vectors) ops.copy_(value(name), changed);
      });
    }
    t.is(divisors.size, layer + 1);
    // What is divided where it is read is not the same without that.
    t.true(gap(noiseAt(folded, 400), before) > 1e-3);
  }
  const read = { grid: null, divisor: (path: string) => divisors.get(path) ?? null };
  const whole = { ...folded, precision: withRoundedInputs(read) };
  for (const time of [0, 3, 500, 999]) {
    const found = gap(noiseAt(whole, time), noiseAt(plain, time));
    t.true(found < 1e-11, `${time}: ${found}`);
  }
});

const gap = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? Number.NaN))));

test('what a stored bias of scales is off by is in the factors', (t) => {
  scope(() => {
    const H = 16;
    const bias = ops.to(draw('bias', [6 * H]), 'bfloat16');
    const rowsOfMlp = { path: 'norm1.linear', shift: 3 * H, scale: 4 * H };
    const producer = { type: 'Modulation', ...rowsOfMlp } as const;
    const wanted = ops.exp(draw('wanted', [H], 'float32'));
    const { allowed, fold } = foldingInto(
      producer,
      () => bias,
      () => 6 * H,
    );
    const { columns, rows, vectors } = fold(wanted);
    t.deepEqual(toArray(columns), toArray(allowed(wanted)));
    const own = vectors[0]?.[1];
    if (own === undefined || rows === null) return t.fail();
    t.is(own.dtype, 'bfloat16');
    const gain = (of: Tensor) => ops.addScalar(ops.to(ops.narrow(of, 0, 4 * H, H), 'float64'), 1);
    const again = ops.mul(gain(own), ops.to(columns, 'float64'));
    t.true(item(ops.amax(ops.abs(ops.sub(again, gain(bias))))) < 1e-5);
    // Gates, and all of attention, stay.
    const by = toArray(rows.by);
    t.true([...by.slice(0, 3 * H), ...by.slice(5 * H)].every((one) => one === 1));
    t.deepEqual(by.slice(3 * H, 4 * H), toArray(columns));
    t.deepEqual(by.slice(4 * H, 5 * H), toArray(columns));
    t.deepEqual(toArray(own).slice(5 * H), toArray(bias).slice(5 * H));
  });
});
