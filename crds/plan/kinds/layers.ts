// Linear layers of a block, by their paths in it.
import type { Linear, LinearRole } from '../../methods/linears.ts';
import type { ModelFacts } from '../model-facts.ts';

/** Layers whose paths begin with `block`, the path of the first one, in a share of all blocks. */
export function layersOf(block: string, share = 1) {
  return (
    inBlock: string,
    role: LinearRole,
    out: number,
    inputs: number,
    name = inBlock,
  ): Linear => ({
    ...{ name, path: `${block}.${inBlock}`, role, out, in: inputs, share },
  });
}

type Sides = Pick<ModelFacts, 'H' | 'I'>;

/** Of BERT. */
export function bertLinears(block: string, { H, I }: Sides, share = 1): readonly Linear[] {
  const layer = layersOf(block, share);
  return [
    layer('attention.self.query', 'q', H, H, 'query'),
    layer('attention.self.key', 'k', H, H, 'key'),
    layer('attention.self.value', 'v', H, H, 'value'),
    layer('attention.output.dense', 'o', H, H),
    layer('intermediate.dense', 'up', I, H),
    layer('output.dense', 'down', H, I),
  ];
}

/** Of a vision transformer, and of CLIP with other names for attention and its output. */
export function visionLinears(
  block: string,
  { H, I }: Sides,
  { share = 1, attention = 'attention', output = 'o_proj' } = {},
): readonly Linear[] {
  const layer = layersOf(block, share);
  const inAttention = (name: string, role: LinearRole) =>
    layer(`${attention}.${name}`, role, H, H, name);
  return [
    inAttention('q_proj', 'q'),
    inAttention('k_proj', 'k'),
    inAttention('v_proj', 'v'),
    inAttention(output, 'o'),
    layer('mlp.fc1', 'up', I, H, 'fc1'),
    layer('mlp.fc2', 'down', H, I, 'fc2'),
  ];
}
