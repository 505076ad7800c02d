// What all selections that sample blocks have in common.
import type { ResolvedMethod } from './resolve.ts';

type Selection = ResolvedMethod['selection'];
type Draw = Pick<
  Extract<Selection, { type: 'LISA' }>['lisa'],
  'activeLayers' | 'intervalSteps' | 'state' | 'trainEmbeddings' | 'trainHead' | 'trainFinalNorm'
>;

/** How blocks are sampled; null if none is. */
export function drawOf(selection: Selection): Draw | null {
  switch (selection.type) {
    case 'All':
    case 'None':
      return null;
    case 'LISA':
      return selection.lisa;
    case 'OwLore':
      return selection.owlore;
    default:
      return selection satisfies never;
  }
}
