import test from 'ava';
import { readModelConfig } from '../../../worker/decoder/registry.ts';
import { checkIds, checkSequence, checkTokens } from '../../../worker/publish/check-sequence.ts';

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
