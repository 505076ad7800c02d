// Quantised blocks against the Python package `gguf`: the same bits in both directions.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type GgufTypeName, ggufTensorType } from '../../worker/files/gguf-types.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toBytes } from '../../worker/tensor/tensor.ts';
import { askPeer } from './ask-peer.ts';

let folder = '';
const file = () => join(folder, 'blocks.safetensors');
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-blocks-'));
  await askPeer('gguf_blocks.py', [file()]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const decodes = test.macro({
  exec(t, name: GgufTypeName) {
    using peer = openSafetensors(file());
    scope(() => {
      const blocks = ops.flatten(peer.load(`decode.${name}.blocks`));
      const values = peer.load(`decode.${name}.values`);
      const { code } = ggufTensorType(name);
      const ours = ops.ggufDequantize(blocks, code, values.numel, { dtype: 'float32' });
      t.deepEqual(toBytes(ours), toBytes(values));
      const half = ops.ggufDequantize(blocks, code, values.numel, { dtype: 'bfloat16' });
      t.deepEqual(toBytes(half), toBytes(ops.to(values, 'bfloat16')));
    });
  },
  title: (_, name: GgufTypeName) =>
    `${name} blocks become the floats of the reference, bit for bit`,
});
const plain = ['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0'] as const;
const super256 = ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'] as const;
for (const name of [...plain, ...super256]) test(decodes, name);

const encodes = test.macro({
  exec(t, name: GgufTypeName) {
    using peer = openSafetensors(file());
    scope(() => {
      const values = ops.flatten(peer.load(`encode.${name}.values`));
      const blocks = ops.flatten(peer.load(`encode.${name}.blocks`));
      t.deepEqual(toBytes(ops.ggufQuantize(values, ggufTensorType(name).code)), toBytes(blocks));
    });
  },
  title: (_, name: GgufTypeName) =>
    `floats become the ${name} blocks of the reference, bit for bit`,
});
for (const name of ['Q8_0', 'Q4_0'] as const) test(encodes, name);
