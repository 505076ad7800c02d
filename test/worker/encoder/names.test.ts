import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { linearsOf } from '../../../crds/methods/linears.ts';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { confirmTensors, type FoundTensor } from '../../../worker/decoder/confirm.ts';
import { factsOf, placesOf } from '../../../worker/decoder/registry.ts';
import { parameterCount } from '../../../worker/decoder/sizes.ts';
import { readEncoderConfig } from '../../../worker/encoder/config.ts';
import { type EncoderName, encoderNames } from '../../../worker/encoder/families.ts';
import { encoderName, encoderTensors } from '../../../worker/encoder/names.ts';

const sizes = {
  ...{ vocab_size: 40, hidden_size: 24, intermediate_size: 36, num_hidden_layers: 2 },
  ...{ num_attention_heads: 4 },
};
const configOf = (model_type: EncoderName, labels = 3) =>
  readEncoderConfig({ ...sizes, model_type }, { labels });

function complete(of: EncoderName, nameInFile = (name: string) => name): Map<string, FoundTensor> {
  return new Map(
    encoderTensors(configOf(of)).map(({ name, shape }) => [
      nameInFile(name),
      { shape, file: 'model.safetensors' },
    ]),
  );
}

const heads = {
  bert: ['bert.pooler.dense', 'classifier'],
  roberta: ['classifier.dense', 'classifier.out_proj'],
} as const;
const headNames = (name: EncoderName) =>
  heads[name].flatMap((path) => [`${path}.weight`, `${path}.bias`]);

for (const name of encoderNames) {
  const config = configOf(name);

  test(`tensors of ${name} lie place by place, from the tables to the head`, (t) => {
    const specs = encoderTensors(config);
    t.deepEqual(placesOf(config), {
      ...{ order: ['embedding', 0, 1, 'head'], inlet: 'embedding', outlet: 'head' },
      isTied: false,
    });
    t.is(new Set(specs.map((spec) => spec.name)).size, specs.length);
    t.deepEqual(
      specs.filter(({ place }) => place === 'head').map((spec) => spec.name),
      headNames(name),
    );
    for (const { name: each, kind, shape } of specs) {
      t.is(shape.length, kind === 'linear' || kind === 'table' ? 2 : 1, each);
    }
  });

  test(`a file of the encoder alone is ${name} without a prefix, and its head is made`, (t) => {
    const bare = complete(name, (each) => each.replace(`${name}.`, ''));
    for (const each of headNames(name)) bare.delete(each.replace(`${name}.`, ''));
    bare.set('embeddings.position_ids', { shape: [1, 512], file: 'model.safetensors' });
    const { tensors, made } = confirmTensors(config, bare, 'm');
    t.deepEqual(made, headNames(name));
    t.is(tensors.size + made.length, encoderTensors(config).length);
    t.is(
      tensors.get(`${name}.encoder.layer.1.output.dense.weight`)?.nameInFile,
      'encoder.layer.1.output.dense.weight',
    );
  });

  test(`a head of ${name} for other classes is refused in one sentence with a hint`, (t) => {
    const found = complete(name);
    const error = t.throws(() => confirmTensors(configOf(name, 5), found, 'm'), {
      instanceOf: UserError,
    });
    const [, out] = heads[name];
    t.is(
      error.message,
      `the head of m is for another task: ${out}.weight is [3, 24] in model.safetensors; ` +
        'it must be [5, 24], from 5 classes and hidden_size=24',
    );
    t.regex(error.hint ?? '', /a head that they lack is made/);
  });
}

test('what other tasks need is not used, and unknown tensors are named', (t) => {
  const [bert, roberta] = [configOf('bert'), configOf('roberta')];
  const unused = [
    ...['cls.predictions.bias', 'cls.predictions.transform.LayerNorm.gamma'],
    ...['cls.seq_relationship.weight', 'bert.embeddings.position_ids', 'embeddings.position_ids'],
  ];
  for (const name of unused) t.is(encoderName(name, bert), null, name);
  const ofRoberta = [
    ...['lm_head.dense.weight', 'roberta.pooler.dense.weight', 'pooler.dense.bias'],
    'roberta.embeddings.token_type_ids',
  ];
  for (const name of ofRoberta) t.is(encoderName(name, roberta), null, name);
  const found = complete('bert');
  found.set('qa_outputs.weight', { shape: [2, 24], file: 'model.safetensors' });
  t.throws(() => confirmTensors(bert, found, 'm'), {
    message: /qa_outputs\.weight is not a tensor of this family/,
  });
});

test('norms have the names of old files, too', (t) => {
  const config = configOf('bert');
  const norm = 'bert.encoder.layer.0.attention.output.LayerNorm';
  t.is(encoderName(`${norm}.gamma`, config), `${norm}.weight`);
  t.is(encoderName('embeddings.LayerNorm.beta', config), 'bert.embeddings.LayerNorm.bias');
  const old = complete('bert', (name) =>
    name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
  );
  t.deepEqual(confirmTensors(config, old, 'm').made, []);
});

test('a tensor of the encoder itself must be in the files', (t) => {
  const found = complete('bert');
  found.delete('bert.encoder.layer.1.intermediate.dense.bias');
  t.throws(() => confirmTensors(configOf('bert'), found, 'm'), {
    message: /bert\.encoder\.layer\.1\.intermediate\.dense\.bias is missing; it must be \[36\]/,
  });
});

test('published sizes: BERT base has 109,483,778 parameters, MiniLM-L6 22,713,216 without a head', (t) => {
  t.is(parameterCount(readEncoderConfig({ model_type: 'bert' })), 109_483_778);
  const miniLm = readEncoderConfig({
    ...{ model_type: 'bert', hidden_size: 384, intermediate_size: 1536, num_hidden_layers: 6 },
  });
  t.is(parameterCount(miniLm) - (2 * 384 + 2), 22_713_216);
});

test('plans count the values that the tensors have, and those of a head that is made', (t) => {
  for (const name of encoderNames) {
    const config = configOf(name, 5);
    const facts = factsOf(config, { made: headNames(name) });
    const { total, head } = parametersOf(facts);
    t.is(total, parameterCount(config));
    t.is(facts.kind === 'encoder' && facts.whole, head);
    // Of a head in the files, the pooler stays as it is, as in PEFT.
    const pooler = name === 'bert' ? config.H * (config.H + 1) : 0;
    t.deepEqual(factsOf(config), { ...facts, whole: head - pooler } as typeof facts);
    t.deepEqual(
      linearsOf(facts).map(({ path, out, in: inputs }) => [`${path}.weight`, [out, inputs]]),
      encoderTensors(config)
        .filter(({ place, kind }) => place === 0 && kind === 'linear')
        .map((spec) => [spec.name, spec.shape]),
    );
  }
});
