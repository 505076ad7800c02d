import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { factsOf, placesOf, readModelConfig } from '../../../worker/decoder/registry.ts';
import { readTrackingConfig } from '../../../worker/tracking/config.ts';
import { trackingTensors } from '../../../worker/tracking/names.ts';

const small = {
  ...{ model_type: 'dinov2', architectures: ['Dinov2Model'], hidden_size: 24, mlp_ratio: 2 },
  ...{ num_hidden_layers: 2, num_attention_heads: 4, image_size: 12, patch_size: 4 },
};
const sizes = { template: 8, search: 16 };

test('a trunk is a tracker where the job or the file says so', (t) => {
  t.is(readModelConfig(small).kind, 'vision');
  t.is(readModelConfig(small, { tracking: sizes }).kind, 'tracking');
  const own = readTrackingConfig({ ...small, tracking: { template: 4, search: 8 } });
  t.deepEqual([own.templateSide, own.searchSide, own.contextLength], [1, 2, 5]);
  const asked = readTrackingConfig(
    { ...small, tracking: { template: 4, search: 8 } },
    { tracking: sizes },
  );
  t.deepEqual(asked.sizes, sizes, 'a job is before a file');
});

test('other trunks and sizes are refused in a sentence', (t) => {
  const read = (json: object, tracking = sizes) => readModelConfig(json, { tracking });
  const refused = (act: () => unknown, message: RegExp) =>
    t.throws(act, { instanceOf: UserError, message });
  refused(
    () => read({ ...small, model_type: 'vit' }),
    /model_type is "vit"; objects are tracked on .* dinov2/,
  );
  refused(
    () => read(small, { template: 8, search: 18 }),
    /tracking\.search is 18; it must be a multiple of the model's patches of 4 x 4 pixels/,
  );
  refused(
    () => read(small, { template: 16, search: 8 }),
    /template is 16 and search 8; the template must not be larger/,
  );
});

test('what trains whole beside an adapter are types and heads, which files may lack', (t) => {
  const config = readTrackingConfig(small, { tracking: sizes });
  const tensors = trackingTensors(config);
  const made = tensors.filter(({ made: own }) => own !== undefined).map(({ name }) => name);
  t.is(made.length, 1 + 2 * 3 * 2);
  t.true(made.every((name) => /^(token_type_embed|head)\./.test(name)));
  t.is(tensors.find(({ name }) => name.endsWith('cls_token'))?.isFixed, true);
  t.deepEqual(placesOf(config).order, ['embedding', 0, 1, 'head']);
  const facts = factsOf(config, { made });
  const { H } = config;
  const heads = 2 * 2 * (H * H + H) + 5 * (H + 1);
  t.like(facts, { kind: 'tracking', tokens: 20, searched: 16, whole: 3 * H + heads });
});
