import test from 'ava';
import { printConfig } from '../../../worker/decoder/print-config.ts';

test('fields that are fractions keep their point, counts and lists stay as they are', (t) => {
  const text = printConfig({
    ...{ model_type: 'gemma2', hidden_size: 24, final_logit_softcapping: 30 },
    ...{ attn_logit_softcapping: null, rms_norm_eps: 1e-6, rope_scaling: { factor: 8 } },
    layer_types: ['a'],
  });
  t.true(text.includes('"hidden_size": 24,'));
  t.true(text.includes('"final_logit_softcapping": 30.0,'));
  t.true(text.includes('"attn_logit_softcapping": null'));
  t.true(text.includes('"rms_norm_eps": 0.000001'));
  t.true(text.includes('"factor": 8.0'));
});

test('what is printed reads back as the same values', (t) => {
  const json = {
    rope_theta: 1e4,
    name: 'a "quoted" \u0001 name',
    factor: 2.5,
    n: -3,
    list: [1, 2],
  };
  t.deepEqual(JSON.parse(printConfig(json)), json);
});
