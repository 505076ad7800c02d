import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import {
  linearSampler,
  printSamplerConfig,
  readSamplerConfig,
} from '../../../worker/diffusion/sampler-config.ts';

test('what is printed is read back, with every field that has another default elsewhere', (t) => {
  const config = { ...linearSampler, endsClean: false, offset: 1 };
  const printed = printSamplerConfig(config);
  t.deepEqual(readSamplerConfig(printed), config);
  t.is(printed['clip_sample'], false);
  t.is(printed['set_alpha_to_one'], false);
  t.is(printed['timestep_spacing'], 'leading');
});

test('a file without fields is that of the paper, but for what diffusers would clip', (t) => {
  t.deepEqual(readSamplerConfig({ clip_sample: false }), linearSampler);
  t.throws(() => readSamplerConfig({}), { message: /clip_sample is true/u });
});

test('what samples otherwise is refused in one sentence', (t) => {
  const cases: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ beta_schedule: 'scaled_linear' }, /beta_schedule is "scaled_linear"/u],
    [{ prediction_type: 'v_prediction' }, /prediction_type/u],
    [{ timestep_spacing: 'trailing' }, /timestep_spacing/u],
    [{ thresholding: true }, /thresholding/u],
    [{ rescale_betas_zero_snr: true }, /rescale_betas_zero_snr/u],
    [{ trained_betas: [0.1] }, /trained_betas is a list/u],
    [{ beta_end: 1 }, /beta_end.*between 0 and 1/u],
    [{ num_train_timesteps: 1e9 }, /num_train_timesteps/u],
    [{ set_alpha_to_one: 'yes' }, /set_alpha_to_one/u],
  ];
  for (const [changed, message] of cases) {
    const read = () => readSamplerConfig({ clip_sample: false, ...changed });
    t.throws(read, { instanceOf: UserError, message });
  }
  t.throws(() => readSamplerConfig([]), { instanceOf: UserError });
});
