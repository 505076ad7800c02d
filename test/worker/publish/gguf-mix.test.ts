// Types of the tensors of a GGUF file, and its bits a weight.
import test from 'ava';
import { readConfig } from '../../../worker/decoder/config.ts';
import { ggufContents, isCoarse } from '../../../worker/publish/gguf-mix.ts';

const llama = (changes: object) =>
  readConfig({
    ...{ model_type: 'llama', hidden_act: 'silu', rms_norm_eps: 1e-5, rope_theta: 10_000 },
    ...{ max_position_embeddings: 2048, bos_token_id: 1, eos_token_id: 2 },
    ...changes,
  });

const smol = llama({
  ...{ vocab_size: 49_152, hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 30 },
  ...{ num_attention_heads: 9, num_key_value_heads: 3, tie_word_embeddings: true },
});

const large = llama({
  ...{ vocab_size: 32_000, hidden_size: 4096, intermediate_size: 11_008, num_hidden_layers: 32 },
  ...{ num_attention_heads: 32, num_key_value_heads: 32, tie_word_embeddings: false },
});

test('rows of whole blocks have the type of the file, the vocabulary Q6_K', (t) => {
  const { tensors, replaced, linearBitsPerWeight, bitsPerWeight } = ggufContents(large, 'Q4_K');
  t.deepEqual(tensors, { Q6_K: 2, F32: 65, Q4_K: 224 });
  t.deepEqual(replaced, []);
  t.is(linearBitsPerWeight, 4.5);
  t.true(bitsPerWeight > 4.5 && bitsPerWeight < 4.6);
});

test('rows that are no whole blocks of 256 have the type that llama.cpp gives them, and are counted', (t) => {
  t.deepEqual(ggufContents(smol, 'Q4_K'), {
    tensors: { Q8_0: 1, F32: 61, Q5_0: 180, Q4_K: 30 },
    replaced: [
      { wanted: 'Q6_K', type: 'Q8_0', columns: 576, tensors: 1 },
      { wanted: 'Q4_K', type: 'Q5_0', columns: 576, tensors: 180 },
    ],
    ...bits,
  });
  const insteadOf = (type: 'Q2_K' | 'Q3_K' | 'Q5_K' | 'Q6_K') =>
    ggufContents(smol, type).replaced.at(-1)?.type;
  t.deepEqual((['Q2_K', 'Q3_K', 'Q5_K', 'Q6_K'] as const).map(insteadOf), [
    'Q4_0',
    'Q4_0',
    'Q5_1',
    'Q8_0',
  ]);
  t.deepEqual(ggufContents(llama({ ...odd }), 'Q4_K').tensors, { F16: 8, F32: 3 });
});

const odd = {
  ...{ vocab_size: 40, hidden_size: 40, intermediate_size: 80, num_hidden_layers: 1 },
  ...{ num_attention_heads: 2, num_key_value_heads: 2, tie_word_embeddings: true },
};

/** A quarter of the linear weights has rows of 1,536. */
const down = 1536 * 576;
const [linear, vocabulary, norms] = [3_538_944, 49_152 * 576, 61 * 576];
const linearBits = (4.5 * down + 5.5 * (linear - down)) / linear;
const bits = {
  linearBitsPerWeight: linearBits,
  bitsPerWeight:
    (30 * linear * linearBits + 8.5 * vocabulary + 32 * norms) / (30 * linear + vocabulary + norms),
};

test('bits a weight are those that llama-quantize prints for its types without a mix', (t) => {
  // SmolLM2-135M: Q8_0 8.51, Q6_K 8.12, Q4_0 5.35.
  const printed = { Q8_0: 8.51, Q6_K: 8.12, Q4_0: 5.35 } as const;
  for (const [type, expected] of Object.entries(printed)) {
    const { bitsPerWeight } = ggufContents(smol, type as keyof typeof printed);
    t.true(Math.abs(bitsPerWeight - expected) <= 0.005, `${type}: ${bitsPerWeight}`);
  }
});

test('files of Q8_0 and more have one type in all matrices', (t) => {
  for (const type of ['F32', 'F16', 'BF16', 'Q8_0'] as const) {
    t.false(isCoarse(type));
    const { tensors } = ggufContents(smol, type);
    t.is(tensors[type], type === 'F32' ? 272 : 211);
  }
});
