import test from 'ava';
import { readModelConfig } from '../../../worker/decoder/registry.ts';
import { checkIds, checkSequence, checkTokens } from '../../../worker/publish/check-sequence.ts';
import { clipJson } from '../../toy/clip-json.ts';

test('the text of the check has 64 tokens of the vocabulary, many of them different', (t) => {
  for (const vocabulary of [2, 40, 49_152]) {
    const ids = checkIds(vocabulary);
    t.is(ids.length, checkTokens);
    t.true(ids.every((id) => id >= 0 && id < vocabulary));
    t.true(new Set(ids).size >= Math.min(vocabulary, checkTokens) / 2, `${vocabulary}`);
  }
});

test('texts that are classified are eight, and a text that continues is one', (t) => {
  const sizes = { hidden_size: 24, num_attention_heads: 4 };
  const bert = checkSequence(readModelConfig({ ...sizes, model_type: 'bert' }));
  t.deepEqual([bert.targetCount, bert.offsets.at(-1), bert.labels[8]], [8, checkTokens, 0]);
  const llama = checkSequence(
    readModelConfig({ ...sizes, model_type: 'llama', architectures: ['LlamaForCausalLM'] }),
  );
  t.deepEqual([llama.targetCount, [...llama.offsets]], [checkTokens, [0, checkTokens]]);
  t.is(llama.values, undefined);
});

test('pictures of the check are as many as its tokens allow, and no larger than the model knows', (t) => {
  const picturesOf = (json: object) => {
    const { ids, offsets, values, targetCount } = checkSequence(readModelConfig(json));
    const { pixels } = values ?? {};
    t.true(ids.length <= checkTokens && ids.every((id) => id === 0));
    t.is(pixels?.values.length, targetCount * (pixels?.shape ?? []).reduce((a, b) => a * b, 1));
    t.true(pixels?.values.every((value) => value >= -1 && value <= 1));
    return [offsets.length - 1, targetCount, ids.length, pixels?.shape];
  };
  t.deepEqual(picturesOf({ model_type: 'dinov2', image_size: 518 }), [2, 2, 52, [3, 70, 70]]);
  t.deepEqual(picturesOf({ model_type: 'deit' }), [2, 2, 54, [3, 80, 80]]);
  const small = { model_type: 'vit', image_size: 12, patch_size: 4, num_channels: 1 };
  t.deepEqual(picturesOf(small), [6, 6, 60, [1, 12, 12]]);
});

test('pictures that are compared with texts have eight, each with the end of its model', (t) => {
  const clip = checkSequence(readModelConfig({ model_type: 'clip' }));
  t.deepEqual(clip.values?.['pixels']?.shape, [3, 224, 224]);
  // A picture of 224 x 224 has fifty patches of 32 x 32, with the class.
  t.deepEqual([clip.targetCount, clip.ids.length], [1, 50]);
  const { ids = new Int32Array(), offsets = new Int32Array(), of } = clip.texts ?? {};
  t.deepEqual([...offsets], [0, 8, 16, 24, 32, 40, 48, 56, 64]);
  t.is(of, 'Classes');
  t.deepEqual(
    [...offsets.subarray(1)].map((end) => ids.indexOf(49_407, end - 8) + 1),
    [...offsets.subarray(1)],
  );
  const dual = checkSequence(readModelConfig(clipJson('dual')));
  t.deepEqual([dual.targetCount, dual.values?.['pixels']?.shape], [6, [3, 12, 12]]);
  t.is(dual.texts?.offsets.length, 9);
});
