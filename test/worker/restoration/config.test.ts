import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { readModelConfig } from '../../../worker/decoder/registry.ts';
import type { ModelConfig } from '../../../worker/families/family.ts';
import { readRestorationConfig, restorationConfig } from '../../../worker/restoration/config.ts';

const file = { model_type: 'srvgg', architectures: ['SRVGGNetCompact'] };

test('a file without sizes is the published network that enlarges four times', (t) => {
  const config = readModelConfig(file);
  t.deepEqual(config, readRestorationConfig(file));
  const own: ModelConfig = restorationConfig(config);
  t.is(own, config);
  const { H, L, scale, colours } = readRestorationConfig(file);
  t.deepEqual({ H, L, scale, colours }, { H: 64, L: 8, scale: 4, colours: 3 });
});

test('sizes are those of the file', (t) => {
  const sizes = { num_feat: 32, num_conv: 32, upscale: 1 };
  const { H, L, scale } = readRestorationConfig({ ...file, ...sizes });
  t.deepEqual({ H, L, scale }, { H: 32, L: 16, scale: 1 });
});

const refused = {
  'one colour': [{ num_in_ch: 1 }, /num_in_ch is 1 and num_out_ch 3; both must be 3/],
  'another activation': [{ act_type: 'leakyrelu' }, /act_type is "leakyrelu"; it must be prelu/],
  'half a block': [{ num_conv: 15 }, /num_conv is 15; it must be even/],
  'a class of others': [{ architectures: ['RRDBNet'] }, /it must be SRVGGNetCompact/],
  'no whole scale': [{ upscale: 2.5 }, /upscale/],
  'a huge scale': [{ upscale: 1000 }, /upscale/],
} as const;

for (const [name, [changes, message]] of Object.entries(refused)) {
  test(`a file is refused in a sentence that has ${name}`, (t) => {
    t.throws(() => readRestorationConfig({ ...file, ...changes }), {
      instanceOf: UserError,
      message,
    });
  });
}
