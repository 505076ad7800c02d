// Counts of two towers: in each two norms in a block, and biases. What is before the blocks is that
// of both, with the end of the first between them.
import type { ImageTextFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';
import { layersOf } from './layers.ts';

export function imageTextCounts(facts: ImageTextFacts): ModelCounts {
  const { L, joint, inlet, head, text, vision } = facts;
  const vectors = ({ H, I }: Tower, scales: number) => (4 + 5 + scales) * H + I;
  const inBlocks = text.L * vectors(text, 0) + vision.L * vectors(vision, vision.isDino ? 2 : 0);
  return {
    linears: [...textLinears(facts), ...visionLinears(facts)],
    blockVectors: inBlocks / L,
    ...{ embedding: inlet, head, finalNorm: 0 },
    ...{ headMatrix: joint * vision.H, outputs: joint },
  };
}

type Tower = Pick<ImageTextFacts['text'], 'H' | 'I'>;

function textLinears({ text, L }: ImageTextFacts) {
  const { H, I, blocks, isBert } = text;
  if (!isBert) return clipLinears(text, L);
  const layer = layersOf(`${blocks}.0`, text.L / L);
  return [
    layer('attention.self.query', 'q', H, H, 'query'),
    layer('attention.self.key', 'k', H, H, 'key'),
    layer('attention.self.value', 'v', H, H, 'value'),
    layer('attention.output.dense', 'o', H, H),
    layer('intermediate.dense', 'up', I, H),
    layer('output.dense', 'down', H, I),
  ];
}

function visionLinears({ vision, L }: ImageTextFacts) {
  const { H, I, blocks, isDino } = vision;
  if (!isDino) return clipLinears(vision, L);
  const layer = layersOf(`${blocks}.0`, vision.L / L);
  return [
    layer('attention.q_proj', 'q', H, H, 'q_proj'),
    layer('attention.k_proj', 'k', H, H, 'k_proj'),
    layer('attention.v_proj', 'v', H, H, 'v_proj'),
    layer('attention.o_proj', 'o', H, H, 'o_proj'),
    layer('mlp.fc1', 'up', I, H, 'fc1'),
    layer('mlp.fc2', 'down', H, I, 'fc2'),
  ];
}

function clipLinears(tower: ImageTextFacts['text'] | ImageTextFacts['vision'], L: number) {
  const { H, I } = tower;
  const layer = layersOf(`${tower.blocks}.0`, tower.L / L);
  return [
    layer('self_attn.q_proj', 'q', H, H, 'q_proj'),
    layer('self_attn.k_proj', 'k', H, H, 'k_proj'),
    layer('self_attn.v_proj', 'v', H, H, 'v_proj'),
    layer('self_attn.out_proj', 'o', H, H, 'out_proj'),
    layer('mlp.fc1', 'up', I, H, 'fc1'),
    layer('mlp.fc2', 'down', H, I, 'fc2'),
  ];
}
