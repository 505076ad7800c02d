// Quantised weights beside those of bitsandbytes: the same codes and scales, bit for bit; and an
// adapter that was trained on our NF4 base, put by PEFT on the base that transformers and
// bitsandbytes made of the same files.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { openSafetensors, writeSafetensors } from '../../worker/files/safetensors.ts';
import { formats } from '../../worker/methods/weights/weight-store.ts';
import { checkIds } from '../../worker/publish/check-sequence.ts';
import { checkLogits } from '../../worker/publish/reload-check.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { keep, scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toBytes } from '../../worker/tensor/tensor.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, tolerance } from './gap.ts';
import { trainedModel, trainToy } from './train-job.ts';

interface Case {
  readonly name: string;
  readonly tensor: string;
  readonly form: 'nf4' | 'nf4-double' | 'int8';
  readonly block: number;
}

const matrices: Readonly<Record<string, () => Tensor>> = {
  normal: () => draw([192, 576], 'float32', 0.02),
  // 36,864 scales: libtorch adds them up by another path.
  large: () => draw([2048, 1152], 'bfloat16', 0.02),
  // Rows of very different size, a row of zeros, one large value.
  uneven: () => {
    const w = ops.mul(draw([100, 512], 'float32', 1), ops.exp(draw([100, 1], 'float32', 2)));
    ops.zero_(ops.select(w, 0, 7));
    ops.fill_(ops.select(ops.select(w, 0, 9), 0, 100), 1e4);
    return w;
  },
  // All scales alike: there is nothing left behind their mean.
  flat: () => ops.ones([16, 256], { dtype: 'float32' }),
  // Half way between two codes, and beside it.
  borders: () => {
    const halves = Array.from({ length: 64 * 32 }, (_, i) =>
      i % 64 === 0 ? 1 : (i % 61) / 30 - 1,
    );
    return tensor(halves, [32, 64], 'float32');
  },
};

function draw(shape: readonly number[], dtype: DType, deviation: number): Tensor {
  return normal(shape, deviation, streamOf(5, 'bitsandbytes', shape.join()), dtype);
}

/** Those whose rows are whole blocks of 128. */
const widerToo = ['large', 'uneven', 'flat'];

const cases: readonly Case[] = Object.keys(matrices).flatMap((name): readonly Case[] => [
  ...(widerToo.includes(name) ? [64, 128] : [64]).flatMap((block): readonly Case[] => [
    { name: `${name}-nf4-${block}`, tensor: name, form: 'nf4', block },
    { name: `${name}-nf4-double-${block}`, tensor: name, form: 'nf4-double', block },
  ]),
  // A row of zeros is divided by zero there.
  ...(name === 'uneven'
    ? []
    : [{ name: `${name}-int8`, tensor: name, form: 'int8', block: 0 } as const]),
]);

let folder = '';
const given = () => join(folder, 'given.safetensors');
const theirs = () => join(folder, 'theirs.safetensors');
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-bitsandbytes-'));
  const tensors = new Map<string, Tensor>();
  for (const [name, make] of Object.entries(matrices)) tensors.set(name, keep(scope(make)));
  await writeSafetensors(given(), tensors);
  for (const each of tensors.values()) each.dispose();
  const requests = Object.fromEntries(cases.map(({ name, ...rest }) => [name, rest]));
  await askPeer('bitsandbytes_peer.py', [
    ...['quantize', given(), theirs(), JSON.stringify(requests)],
  ]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const formatOf = {
  nf4: formats.NF4,
  'nf4-double': formats.NF4Double,
  int8: formats.Int8,
} as const;
const partsOf = {
  nf4: ['codes', 'absmax'],
  'nf4-double': ['codes', 'absmax', 'map', 'nested', 'offset'],
  int8: ['codes', 'absmax'],
} as const;

/** Bytes that are not the same. */
function differing(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((count, byte, i) => count + (byte === b[i] ? 0 : 1), 0);
}

const stores = test.macro({
  exec(t, { name, tensor: from, form, block }: Case) {
    using matrix = openSafetensors(given());
    using peer = openSafetensors(theirs());
    scope(() => {
      const stored = ops.quantizeWeight(matrix.load(from), formatOf[form], block);
      const parts = ops.quantizedParts(stored);
      partsOf[form].forEach((part, i) => {
        const [ours, expected] = [toBytes(parts[i]!), toBytes(peer.load(`${name}.${part}`))];
        t.is(differing(ours, expected), 0, part);
      });
      const values = ops.dequantizeWeight(stored, { dtype: 'float32' });
      const expected = peer.load(`${name}.values`);
      if (form !== 'int8') t.is(differing(toBytes(values), toBytes(expected)), 0, 'values');
      else t.true(largestGap(values, expected) <= 2 ** -22 * item(ops.amax(ops.abs(expected))));
    });
  },
  title: (_, { name }: Case) => `${name}: codes and scales are those of bitsandbytes`,
});
for (const each of cases) test(stores, each);

for (const scales of ['DoubleQuantized', 'Float32'] as const) {
  test(`an adapter trained on NF4 with ${scales} gives its logits on a base of bitsandbytes`, async (t) => {
    const name = `qlora-${scales.toLowerCase()}`;
    // bitsandbytes has blocks of 64, here as wide as the rows.
    const config = { hidden_size: 64, intermediate_size: 128 };
    const run = await trainToy(folder, name, {
      ...{ config, maxSteps: 6, formats: ['PEFTAdapter', 'MergedSafetensors'] },
      method: {
        preset: 'QLoRA',
        precision: { type: 'Float32' },
        base: { type: 'NF4', nf4: { scales } },
        adapter: { type: 'LoRA', lora: { rank: 4 } },
      },
    });
    const { base } = run;
    using files = openModel(base);
    const ids = [...checkIds(files.config.V)];
    const adapter = join(run.result, 'adapter');
    const double = scales === 'DoubleQuantized';
    const out = join(folder, `${name}.safetensors`);
    await askPeer('bitsandbytes_peer.py', [
      ...['logits', out, JSON.stringify({ logits: { path: base, adapter, double, ids } })],
    ]);
    const plain = join(folder, `${name}-plain.safetensors`);
    await askPeer('hf_logits.py', [
      plain,
      JSON.stringify({
        dense: { path: base, adapter, ids },
        merged: { path: join(run.result, 'merged'), ids },
      }),
    ]);
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    using quantized = openSafetensors(out);
    using others = openSafetensors(plain);
    scope(() => {
      const ours = checkLogits(model);
      t.true(largestGap(ours, quantized.load('logits')) <= tolerance);
      t.true(largestGap(ours, others.load('merged')) <= tolerance);
      // On the base as it was before, the adapter gives something else.
      t.true(largestGap(ours, others.load('dense')) > 100 * tolerance);
    });
  });
}
