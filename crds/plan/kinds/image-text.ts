// Counts of two towers: in each two norms in a block, and biases. What is before the blocks is that
// of both, with the end of the first between them.
import type { ImageTextFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';
import { bertLinears, visionLinears } from './layers.ts';

export function imageTextCounts(facts: ImageTextFacts): ModelCounts {
  const { L, joint, inlet, head, text, vision } = facts;
  const vectors = ({ H, I }: Tower, scales: number) => (4 + 5 + scales) * H + I;
  const inBlocks = text.L * vectors(text, 0) + vision.L * vectors(vision, vision.isDino ? 2 : 0);
  return {
    linears: [...ofTexts(facts), ...ofPictures(facts)],
    blockVectors: inBlocks / L,
    ...{ embedding: inlet, head, finalNorm: 0 },
    ...{ headMatrix: joint * vision.H, outputs: joint },
  };
}

type Tower = Pick<ImageTextFacts['text'], 'H' | 'I'>;

function ofTexts({ text, L }: ImageTextFacts) {
  return text.isBert ? bertLinears(`${text.blocks}.0`, text, text.L / L) : ofClip(text, L);
}

function ofPictures({ vision, L }: ImageTextFacts) {
  if (!vision.isDino) return ofClip(vision, L);
  return visionLinears(`${vision.blocks}.0`, vision, { share: vision.L / L });
}

function ofClip(tower: ImageTextFacts['text'] | ImageTextFacts['vision'], L: number) {
  const names = { attention: 'self_attn', output: 'out_proj' };
  return visionLinears(`${tower.blocks}.0`, tower, { share: tower.L / L, ...names });
}
