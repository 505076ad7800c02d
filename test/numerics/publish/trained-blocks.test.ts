// A model that was trained on the blocks of a GGUF type: the file decodes to what products read in
// the last pass, tensor by tensor, and a merged model has the same values.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { lisaOfOne, onBlocks } from '../../methods/axis-values.ts';

test.before(() => setThreads(1));

/** Rows of 256, but `down_proj`, whose rows are blocks of 32 alone. */
const sizes = { hidden_size: 256, intermediate_size: 96, num_hidden_layers: 2 };

const cases = {
  'LoRA before Q4_K, in bfloat16': {
    ...{ method: { preset: 'L4Q' }, dtype: 'bfloat16' as const, sizes },
    gguf: 'Q4_K',
    types: { q_proj: 'Q4_K', down_proj: 'Q5_0', embed_tokens: 'BF16' },
  },
  'all weights, blocks by turns, on Q4_0 in float32': {
    ...{ method: { preset: 'LISA', selection: lisaOfOne, precision: { type: 'Float32' } } },
    ...{ dtype: 'float32' as const, sizes: {} },
    gguf: 'Q4_0',
    types: { q_proj: 'Q4_0', down_proj: 'Q4_0', embed_tokens: 'F32' },
  },
} as const;

for (const [name, { method, gguf, types, dtype, sizes }] of Object.entries(cases)) {
  test.serial(`${name}: the file has the blocks that trained`, async (t) => {
    await using folder = await temporaryFolder();
    const run = await ToyRun.make(folder.path, {
      ...{ name: 'blocks', sizes },
      method: { ...method, base: onBlocks(gguf) },
      training: { maxSteps: 3, learningRate: '1e-2' },
      formats: ['GGUF', 'MergedSafetensors'],
    });
    const { artifacts } = await run.all();
    t.deepEqual(
      artifacts.map(({ format, reload, evaluation }) => [
        ...[format, reload?.largestLogitGap, evaluation?.verdict],
      ]),
      [
        ['GGUF', 0, 'Pass'],
        ['MergedSafetensors', 0, 'Pass'],
      ],
    );
    const place = join(run.destination, 'gguf');
    const [file = ''] = (await readdir(place)).filter((each) => each.endsWith('.gguf'));
    t.is(file, `blocks.${gguf}.gguf`);
    using inBlocks = openModel(join(place, file));
    using merged = openModel(join(run.destination, 'merged'));
    for (const each of merged.tensorNames) {
      scope(() => {
        const [one, other] = [inBlocks, merged].map((from) => toArray(from.load(each, { dtype })));
        t.deepEqual(one, other, each);
      });
    }
    const stored = inBlocks.headers.tensors;
    for (const [part, type] of Object.entries(types)) {
      const own = [...stored].filter(([each]) => each.includes(part));
      t.true(own.length > 0);
      for (const [each, tensor] of own) t.is(tensor.type, type as string, each);
    }
  });
}
