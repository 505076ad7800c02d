import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { decoderConfig, readConfig } from '../../../worker/decoder/config.ts';
import { families, familyNames } from '../../../worker/decoder/families.ts';
import { familyOf, placesOf, readModelConfig } from '../../../worker/decoder/registry.ts';
import type { ModelConfig } from '../../../worker/families/family.ts';

const small = {
  ...{ num_hidden_layers: 3, hidden_size: 24, vocab_size: 40 },
  ...{ num_attention_heads: 4, num_key_value_heads: 2 },
};

for (const name of familyNames) {
  test(`${name} is read as a decoder, whose tensors lie place by place in the order of computation`, (t) => {
    const json = { ...small, head_dim: 8, model_type: families[name].modelTypes[0] };
    const config = readModelConfig(json);
    t.deepEqual(config, readConfig(json));
    const decoder: ModelConfig = decoderConfig(config);
    t.is(decoder, config);
    const specs = familyOf(config).tensors(config);
    const places = specs.map(({ place }) => place);
    const { order, isTied, ...ends } = placesOf(config);
    t.deepEqual(order, ['embedding', 0, 1, 2, 'head']);
    t.deepEqual(ends, { inlet: 'embedding', outlet: 'head' });
    const runs = places.filter((place, i) => place !== places[i - 1]);
    t.deepEqual(runs, order, 'no place is left and entered again');
    for (const { name, kind, shape } of specs) {
      t.is(shape.length, kind === 'linear' || kind === 'table' ? 2 : 1, name);
    }
    const { name: unused, to } = familyOf(config).tied(config) ?? {};
    t.is(isTied, unused !== undefined);
    t.is(
      !isTied,
      specs.some(({ name }) => name === 'lm_head.weight'),
    );
    t.true(to === undefined || specs.some(({ name }) => name === to));
  });
}

test('a file of no family is refused, and so is another model where only a decoder will do', (t) => {
  const unknown = t.throws(() => readModelConfig({ ...small, model_type: 'fox' }), {
    instanceOf: UserError,
  });
  t.regex(unknown?.message ?? '', /model_type is "fox"; the families that work are llama, /);
  t.throws(() => readModelConfig(null), { instanceOf: UserError, message: /must have an object/ });
  const other = { ...readConfig({ ...small, model_type: 'llama' }), family: 'fox' };
  t.throws(() => decoderConfig(other), {
    instanceOf: UserError,
    message: /the model is a fox; this works with language models alone: llama, mistral/,
  });
});
