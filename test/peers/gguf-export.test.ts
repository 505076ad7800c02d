// Our GGUF files in the hands of another reader: transformers opens the file and the folder that it
// came from, and computes the same logits from both. The toys have the head sizes, caps and scalars
// that its reader takes for granted.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item } from '../../worker/tensor/tensor.ts';
import { goldenIds } from '../toy/golden.ts';
import { makeToy } from '../toy/make-toy.ts';
import { askPeer } from './ask-peer.ts';
import { writeToyGguf } from './toy-gguf.ts';

const usual = { query_pre_attn_scalar: 256, head_dim: 256 } as const;
const toys: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['llama', {}],
  ['qwen2', {}],
  ['qwen3', { head_dim: 128 }],
  ['gemma2', { ...usual, attn_logit_softcapping: 50, final_logit_softcapping: 30 }],
  ['gemma3', { ...usual, rope_scaling: null }],
];

let folder = '';
const logits = () => join(folder, 'logits.safetensors');
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-export-'));
  const requests: Record<string, unknown> = {};
  for (const [name, config] of toys) {
    const from = await makeToy(join(folder, name), name, { config });
    const path = join(folder, `${name}.gguf`);
    await writeToyGguf(from, path);
    requests[`${name}.folder`] = { path: from, ids: goldenIds };
    requests[`${name}.gguf`] = { path, ids: goldenIds };
  }
  await askPeer('hf_logits.py', [logits(), JSON.stringify(requests)]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const agrees = test.macro({
  exec(t, name: string) {
    using peer = openSafetensors(logits());
    scope(() => {
      const [fromFolder, fromFile] = [peer.load(`${name}.folder`), peer.load(`${name}.gguf`)];
      const gap = item(ops.amax(ops.abs(ops.sub(fromFolder, fromFile))));
      // Gemma's norms go through 1 + w in float32 and back; all else is the same bits. Logits of
      // size 10.
      t.true(gap <= 64 * 2 ** -24 * 10, `largest gap ${gap}`);
    });
  },
  title: (_, name: string) => `transformers reads the exported ${name} as the model it was`,
});
for (const [name] of toys) test(agrees, name);
