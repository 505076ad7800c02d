import test from 'ava';
import { readDiffusionConfig } from '../../../worker/diffusion/config.ts';
import { diffusionName, diffusionTensors, namesInFile } from '../../../worker/diffusion/names.ts';

const config = readDiffusionConfig({
  ...{ num_attention_heads: 6, attention_head_dim: 16, num_layers: 6, in_channels: 1 },
  ...{ sample_size: 8, patch_size: 2, num_embeds_ada_norm: 10 },
});

test('a transformer of digits has its tensors in the order of computation', (t) => {
  const specs = diffusionTensors(config);
  const places = [...new Set(specs.map(({ place }) => place))];
  t.deepEqual(places, ['embedding', 0, 1, 2, 3, 4, 5, 'head']);
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  t.deepEqual(shapes.get('pos_embed.proj.weight'), [96, 1, 2, 2]);
  t.deepEqual(shapes.get('conditioning.timestep_embedder.linear_1.weight'), [96, 256]);
  t.deepEqual(shapes.get('conditioning.class_embedder.embedding_table.weight'), [11, 96]);
  t.deepEqual(shapes.get('transformer_blocks.5.norm1.linear.weight'), [576, 96]);
  t.deepEqual(shapes.get('transformer_blocks.5.ff.net.0.proj.bias'), [384]);
  t.deepEqual(shapes.get('proj_out_2.weight'), [4, 96]);
});

test('names in files lead back to their tensors, and copies of later blocks to none', (t) => {
  for (const { name } of diffusionTensors(config)) {
    const [first = '', ...copies] = namesInFile(name, config);
    t.is(diffusionName(first), name);
    t.is(copies.length, name.startsWith('conditioning.') ? 5 : 0);
    for (const copy of copies) t.is(diffusionName(copy), null);
  }
  t.is(
    namesInFile('conditioning.class_embedder.embedding_table.weight', config)[3],
    'transformer_blocks.3.norm1.emb.class_embedder.embedding_table.weight',
  );
  t.is(diffusionName('pos_embed.pos_embed'), null);
});
