// Blocks that we write beside those of ggml itself, of the same matrices, with an importance of
// columns and without. Plain blocks have no choice but roundings, so they are the same bytes. Those
// of 256 values are found by comparing sums of float32, whose last bits are up to how ggml was
// compiled: there the error counts.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { ensureDemo } from '../../cli/setup/demo.ts';
import { thisSetup } from '../../cli/setup/setup.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { type GgufTypeName, ggufTensorType } from '../../worker/files/gguf-types.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { keep, scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toBytes } from '../../worker/tensor/tensor.ts';
import { askLlama } from './ask-peer.ts';

const plain = ['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0'] as const;
const super256 = ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'] as const;
const columns = 1536;

const matrices: Readonly<Record<string, () => Tensor>> = {
  normal: () => drawn('normal', 33),
  'heavy-tailed': () => ops.mul(drawn('heavy', 33), ops.exp(ops.mulScalar(drawn('tail', 33), 75))),
  constant: () => ops.full([2, columns], -0.3),
  zero: () => ops.zeros([2, columns]),
  'one outlier': () => withOutlier(drawn('outlier', 2)),
  tiny: () => ops.mulScalar(drawn('tiny', 3), 1e-5),
};
const names = [...Object.keys(matrices), 'SmolLM2'];

const drawn = (name: string, rows: number): Tensor =>
  normal([rows, columns], 0.02, streamOf(1, 'ggml blocks', name));

function withOutlier(values: Tensor): Tensor {
  ops.mulScalar_(ops.narrow(values, 1, 700, 1), 1e4);
  return values;
}

let folder = '';
const place = (...parts: readonly string[]) => join(folder, parts.join('.'));
const importanceFile = () => place('importance');

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-ggml-'));
  const demo = await ensureDemo(thisSetup(new AbortController().signal));
  using model = openModel(join(demo, 'model/SmolLM2-135M-Instruct.Q4_1.gguf'));
  const real = () => {
    // Decoded Q4_1 has few values; noise below its step makes it a matrix as it was.
    const values = model.load('model.layers.7.mlp.down_proj.weight', { dtype: 'float32' });
    const rows = ops.narrow(values, 0, 0, 67);
    return ops.add(rows, normal(rows.shape, 0.01, streamOf(1, 'noise')));
  };
  const requests: unknown[] = [];
  const weights = scope(() => toBytes(ops.exp(normal([columns], 2, streamOf(1, 'importance')))));
  await writeFile(importanceFile(), weights);
  for (const [name, make] of Object.entries({ ...matrices, SmolLM2: real })) {
    using values = keep(scope(() => ops.contiguous(make())));
    await writeFile(place(name, 'values'), toBytes(values));
    for (const type of [...plain, ...super256]) {
      for (const importance of [null, importanceFile()]) {
        requests.push({
          ...{ type: ggufTensorType(type).code, rows: values.shape[0], columns, importance },
          values: place(name, 'values'),
          blocks: place(name, type, importance === null ? 'none' : 'importance'),
        });
      }
    }
  }
  await writeFile(place('requests'), JSON.stringify(requests));
  await askLlama('ggml_quantize.py', [place('requests')]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

async function floats(path: string): Promise<Float32Array> {
  const bytes = await readFile(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

interface Pair {
  readonly ours: Uint8Array;
  readonly theirs: Uint8Array;
  /** Weighted squared errors. */
  readonly errors: readonly [ours: number, theirs: number];
}

async function both(name: string, type: GgufTypeName, kind: 'none' | 'importance'): Promise<Pair> {
  const given = await floats(place(name, 'values'));
  const weights = await floats(importanceFile());
  const theirs = await readFile(place(name, type, kind));
  const { code } = ggufTensorType(type);
  return scope(() => {
    const values = tensor(given, [given.length / columns, columns], 'float32');
    const importance = tensor(weights, [columns], 'float32');
    const isWeighted = kind === 'importance';
    const ours = ops.ggufQuantize(values, code, isWeighted ? importance : null);
    const blocks = [ours, tensor(theirs, [theirs.length], 'uint8')];
    const errors = blocks.map((each) => {
      const decoded = ops.ggufDequantize(each, code, given.length, { dtype: 'float32' });
      const gap = ops.to(ops.sub(ops.view(decoded, values.shape), values), 'float64');
      const squares = ops.mul(gap, gap);
      return item(ops.sum(isWeighted ? ops.mul(squares, ops.to(importance, 'float64')) : squares));
    });
    // A copy: the bytes go with the scope.
    return { ours: toBytes(ours).slice(), theirs, errors: errors as [number, number] };
  });
}

for (const type of plain) {
  test(`${type}: the bytes of ggml`, async (t) => {
    for (const name of names) {
      for (const kind of ['none', 'importance'] as const) {
        const { ours, theirs } = await both(name, type, kind);
        t.true(Buffer.from(ours).equals(theirs), `${name}, ${kind}`);
      }
    }
  });
}

for (const type of super256) {
  test(`${type}: nearly all bytes of ggml, and an error that is not larger`, async (t) => {
    for (const name of names) {
      for (const kind of ['none', 'importance'] as const) {
        const { ours, theirs, errors } = await both(name, type, kind);
        const [own, their] = errors;
        const same = ours.reduce((count, byte, i) => count + Number(byte === theirs[i]), 0);
        const share = same / theirs.length;
        t.log(`${name}, ${kind}: ${share} of the bytes, error ${own} beside ${their}`);
        t.is(ours.length, theirs.length);
        t.true(own <= 1.001 * their, `${name}, ${kind}: ${own} beside ${their}`);
        t.true(share > 0.99, `${name}, ${kind}: ${share}`);
      }
    }
  });
}
