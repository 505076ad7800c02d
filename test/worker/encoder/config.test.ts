import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { readModelConfig } from '../../../worker/decoder/registry.ts';
import { encoderConfig, readEncoderConfig } from '../../../worker/encoder/config.ts';
import { encoderFamilies, encoderNames } from '../../../worker/encoder/families.ts';
import type { ModelConfig } from '../../../worker/families/family.ts';

const small = {
  ...{ model_type: 'bert', vocab_size: 40, hidden_size: 24, intermediate_size: 36 },
  ...{ num_hidden_layers: 2, num_attention_heads: 4 },
};

for (const name of encoderNames) {
  test(`${name} is read from its class defaults alone`, (t) => {
    const { defaults } = encoderFamilies[name];
    const config = readModelConfig({ model_type: name });
    t.deepEqual(config, readEncoderConfig({ model_type: name }));
    const encoder: ModelConfig = encoderConfig(config);
    t.is(encoder, config);
    t.is(config.V, defaults.vocab_size);
    t.is(config.NK, config.NH);
    t.is(config.D, 64);
    t.is(config.attentionScale, 64 ** -0.5);
    t.is(encoderConfig(config).labels, 2);
  });
}

test('positions of RoBERTa begin behind the row of padding, and those of BERT at 0', (t) => {
  const sizes = { ...small, max_position_embeddings: 514 };
  const bert = readEncoderConfig({ ...sizes, pad_token_id: 3 });
  t.deepEqual([bert.firstPosition, bert.positions, bert.contextLength], [0, 514, 514]);
  const roberta = readEncoderConfig({ ...sizes, model_type: 'roberta' });
  t.deepEqual([roberta.firstPosition, roberta.contextLength], [2, 512]);
  const padded = readEncoderConfig({ ...sizes, model_type: 'roberta', pad_token_id: 3 });
  t.deepEqual([padded.firstPosition, padded.contextLength], [4, 510]);
});

test('the classes are those of the job, else those of the file', (t) => {
  const named = { ...small, id2label: { 0: 'no', 1: 'yes', 2: 'both' } };
  t.is(readEncoderConfig(named).labels, 3);
  t.is(readEncoderConfig({ ...small, num_labels: 4 }).labels, 4);
  t.is(readEncoderConfig(named, { labels: 6 }).labels, 6);
  t.is(readEncoderConfig({ ...small, num_labels: 1 }, { labels: 2 }).labels, 2);
});

test('activations by their names in files', (t) => {
  const named = {
    gelu: 'gelu',
    gelu_new: 'gelu-tanh',
    gelu_pytorch_tanh: 'gelu-tanh',
    relu: 'relu',
  };
  for (const [hidden_act, activation] of Object.entries(named)) {
    t.is(readEncoderConfig({ ...small, hidden_act }).activation, activation as 'gelu');
  }
});

test('dropout is read, and no reason to refuse a file: published ones have it', (t) => {
  const dropped = { ...small, hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.2 };
  t.is(readEncoderConfig(dropped).dropout, 0.2);
  t.is(readEncoderConfig(small).dropout, 0);
});

const refusals = {
  'positions that are not absolute': [
    { position_embedding_type: 'relative_key' },
    /position_embedding_type to "relative_key", which means positions relative to each other/,
  ],
  'a decoder': [
    { is_decoder: true },
    /is_decoder to true, which means attention to earlier tokens/,
  ],
  'cross attention': [{ add_cross_attention: true }, /attention to another model/],
  regression: [{ problem_type: 'regression' }, /problem_type to "regression"/],
  'many labels': [
    { problem_type: 'multi_label_classification' },
    /a loss other than that of one class of several/,
  ],
  'quantised weights': [
    { quantization_config: { bits: 4 } },
    /sets quantization_config, which means weights that are already quantised/,
  ],
  'an unknown activation': [{ hidden_act: 'silu' }, /hidden_act is "silu"; it must be gelu, /],
  'heads that do not divide': [
    { num_attention_heads: 5 },
    /hidden_size is 24; it must be a multiple of num_attention_heads, 5/,
  ],
  'one class': [{ num_labels: 1 }, /the head has 1 classes; it must have from 2 to 65536/],
  'no row of positions': [
    { model_type: 'roberta', max_position_embeddings: 4, pad_token_id: 3 },
    /max_position_embeddings is 4; positions begin at 4, behind pad_token_id/,
  ],
  'a class of another task': [
    { architectures: ['BertForTokenClassification'] },
    /architectures\[0\] is "BertForTokenClassification", model_type is "bert"/,
  ],
  'code of its own': [
    { auto_map: { AutoModelForSequenceClassification: 'modeling.FastBert' } },
    /auto_map names its own code/,
  ],
  'a size without bounds': [{ vocab_size: 2 ** 40 }, /vocab_size: /],
} as const;

for (const [what, [changes, message]] of Object.entries(refusals)) {
  test(`${what}: one sentence`, (t) => {
    const error = t.throws(() => readEncoderConfig({ ...small, ...changes }), {
      instanceOf: UserError,
      message,
    });
    t.false(error.message.includes('\n'));
  });
}

test('classes that a job asks for have bounds, and need a model that has a head for them', (t) => {
  for (const labels of [0, 1, 1.5, 65_537]) {
    const error = t.throws(() => readModelConfig(small, { labels }), { instanceOf: UserError });
    t.is(error.message, `the job has ${labels} classes; a head must have from 2 to 65536`);
  }
  t.throws(() => readModelConfig({ ...small, model_type: 'llama' }, { labels: 2 }), {
    instanceOf: UserError,
    message:
      'the model is a llama, which has no head for 2 classes; models that have one are bert, roberta, vit, deit and dinov2',
  });
});
