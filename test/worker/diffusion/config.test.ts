import test from 'ava';
import { Bug, UserError } from '../../../crds/failures/errors.ts';
import { readModelConfig } from '../../../worker/decoder/registry.ts';
import { diffusionConfig, readDiffusionConfig } from '../../../worker/diffusion/config.ts';

const named = { _class_name: 'DiTTransformer2DModel' };

test("a file with the name of diffusers' class alone has the sizes of the published model", (t) => {
  const config = diffusionConfig(readModelConfig(named));
  t.deepEqual(config, readDiffusionConfig(named));
  t.is(config.H, 1152);
  t.is(config.I, 4608);
  t.is(config.L, 28);
  t.is(config.contextLength, 256);
  t.is(config.labels, 1000);
  t.is(config.mlpNormEps, 1e-5);
  t.is(config.attentionScale, 72 ** -0.5);
  t.false(config.hasVariance);
});

test('a model with a variance gives twice as many channels', (t) => {
  t.true(readDiffusionConfig({ ...named, in_channels: 4, out_channels: 8 }).hasVariance);
  t.throws(() => readDiffusionConfig({ ...named, in_channels: 4, out_channels: 6 }), {
    message: /out_channels is 6; it must be in_channels, 4, or twice that/,
  });
});

test('what another model computes is refused in one sentence', (t) => {
  const cases: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ activation_fn: 'geglu' }, /activation_fn is "geglu"/],
    [{ norm_type: 'ada_norm' }, /norm_type is "ada_norm"/],
    [{ norm_elementwise_affine: true }, /norm_elementwise_affine is true/],
    [{ dropout: 0.1 }, /dropout is 0.1/],
    [{ sample_size: 9 }, /sample_size is 9; it must be a multiple of patch_size, 2/],
    [{ num_attention_heads: 3, attention_head_dim: 3 }, /is 9; it must be a multiple of 4/],
    [{ num_layers: 1e9 }, /num_layers/],
  ];
  for (const [changes, message] of cases) {
    const read = () => readModelConfig({ ...named, ...changes });
    t.throws(read, { instanceOf: UserError, message });
  }
});

test('the classes of the job must be those of the file', (t) => {
  t.is(readDiffusionConfig({ ...named, num_embeds_ada_norm: 7 }, { labels: 7 }).labels, 7);
  t.throws(() => readDiffusionConfig(named, { labels: 7 }), {
    instanceOf: UserError,
    message: /num_embeds_ada_norm is 1000; the data have 7 classes/,
  });
});

test('a record of another family is no diffusion transformer', (t) => {
  t.throws(() => diffusionConfig(readModelConfig({ model_type: 'bert' })), { instanceOf: Bug });
});
