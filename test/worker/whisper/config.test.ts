import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { readModelConfig } from '../../../worker/decoder/registry.ts';
import type { ModelConfig } from '../../../worker/families/family.ts';
import { readWhisperConfig, whisperConfig } from '../../../worker/whisper/config.ts';

const small = {
  ...{ model_type: 'whisper', d_model: 24, encoder_layers: 2, decoder_layers: 3 },
  ...{ encoder_attention_heads: 4, decoder_attention_heads: 4 },
};

test('whisper is read from its class defaults alone', (t) => {
  const config = readModelConfig({ model_type: 'whisper' });
  t.deepEqual(config, readWhisperConfig({ model_type: 'whisper' }));
  const same: ModelConfig = whisperConfig(config);
  t.is(same, config);
  t.deepEqual(
    [config.V, config.H, config.L, config.NH, config.D, config.I],
    [51_865, 384, 8, 6, 64, 1536],
  );
  const { encoderBlocks, mels, sourcePositions, contextLength } = whisperConfig(config);
  t.deepEqual([encoderBlocks, mels, sourcePositions, contextLength], [4, 80, 1500, 448]);
});

test('blocks are counted through both halves, and dropout is the largest of all', (t) => {
  const config = readWhisperConfig({ ...small, dropout: 0.1, decoder_layerdrop: 0.3 });
  t.deepEqual([config.L, config.encoderBlocks, config.dropout], [5, 2, 0.3]);
});

const refusals = {
  'halves with other heads': [
    { decoder_attention_heads: 2 },
    /decoder_attention_heads is 2; it must be encoder_attention_heads, 4/,
  ],
  'halves with other MLPs': [
    { encoder_ffn_dim: 36, decoder_ffn_dim: 48 },
    /decoder_ffn_dim is 48; it must be encoder_ffn_dim, 36/,
  ],
  'rows times a factor': [{ scale_embedding: true }, /scale_embedding to true, which means token/],
  'a head of its own': [{ tie_word_embeddings: false }, /a head apart from the table of tokens/],
  'masked sound': [{ apply_spec_augment: true }, /parts of the sound that are masked/],
  'half of it': [{ is_encoder_decoder: false }, /one of the two halves alone/],
  'a class of another task': [
    { architectures: ['WhisperForAudioClassification'] },
    /architectures\[0\] is "WhisperForAudioClassification"/,
  ],
  'heads that do not divide': [
    { encoder_attention_heads: 5, decoder_attention_heads: 5 },
    /hidden_size is 24; it must be a multiple of num_attention_heads, 5/,
  ],
  'an unknown activation': [{ activation_function: 'silu' }, /hidden_act is "silu"/],
  'a size without bounds': [{ num_mel_bins: 2 ** 30 }, /num_mel_bins: /],
} as const;

for (const [what, [changes, message]] of Object.entries(refusals)) {
  test(`${what}: one sentence`, (t) => {
    const error = t.throws(() => readWhisperConfig({ ...small, ...changes }), {
      instanceOf: UserError,
      message,
    });
    t.false(error.message.includes('\n'));
  });
}
