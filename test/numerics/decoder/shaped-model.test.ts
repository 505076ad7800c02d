// Models that are drawn for benchmarks: as large as the published ones, and readable as any other.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { decoderConfig } from '../../../worker/decoder/config.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { writeShapedModel } from '../../bench/models/shaped-model.ts';
import { modelShapes } from '../../bench/models/shapes.ts';
import { smol135 } from '../../builders/facts.ts';
import { makeToy } from '../../toy/make-toy.ts';

/** What their pages on the hub say. */
const published = {
  'SmolLM2-135M': 134_515_008,
  'SmolLM2-360M': 361_821_120,
  'SmolLM2-1.7B': 1_711_376_384,
};

test('shapes have as many parameters as the models that they are named by', (t) => {
  const counts = [...modelShapes].map(([name, sizes]) => {
    const facts = {
      ...smol135,
      ...{ H: sizes.hidden_size, L: sizes.num_hidden_layers, I: sizes.intermediate_size },
      ...{ NH: sizes.num_attention_heads, NK: sizes.num_key_value_heads, D: sizes.head_dim },
    };
    return [name, parametersOf(facts).total];
  });
  t.deepEqual(Object.fromEntries(counts), published);
});

test('a drawn model has the wanted sizes and the rest of the model that it is like, and is the same each time', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'shaped-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const like = await makeToy(join(folder, 'like'), 'llama');
  const sizes = {
    ...{ num_hidden_layers: 3, hidden_size: 32, intermediate_size: 48 },
    ...{ num_attention_heads: 4, num_key_value_heads: 2, head_dim: 8 },
  };
  const made = ['one', 'two'].map((name) => join(folder, name));
  for (const one of made) await writeShapedModel(like, one, sizes);
  using toy = openModel(like);
  const [first, second] = made.map((one) => {
    using model = openModel(one);
    const { L, H, I, NH, NK, D, V, normEps } = decoderConfig(model.config);
    t.deepEqual([L, H, I, NH, NK, D], [3, 32, 48, 4, 2, 8]);
    t.deepEqual([V, normEps], [toy.config.V, decoderConfig(toy.config).normEps]);
    t.is(model.storedBfloat16, parametersOf(decoderConfig(model.config)).total);
    scope(() => {
      const values = toArray(model.load('model.layers.2.mlp.up_proj.weight'));
      const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
      t.true(Math.abs(deviation - 0.02) < 0.002, `${deviation}`);
      t.deepEqual(new Set(toArray(model.load('model.norm.weight'))), new Set([1]));
    });
    return model.digest();
  });
  t.is(first, second);
});
