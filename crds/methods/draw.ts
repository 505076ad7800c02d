// What all selections have in common that draw blocks.
import type { ResolvedMethod } from './resolve.ts';

type Selection = ResolvedMethod['selection'];
type Draw = Pick<
  Extract<Selection, { type: 'LISA' }>['lisa'],
  'activeLayers' | 'intervalSteps' | 'state' | 'trainEmbeddings' | 'trainHead' | 'trainFinalNorm'
>;

/** How blocks are drawn; null where all train in every step. */
export function drawOf(selection: Selection): Draw | null {
  switch (selection.type) {
    case 'All':
      return null;
    case 'LISA':
      return selection.lisa;
    case 'OwLore':
      return selection.owlore;
    default:
      return selection satisfies never;
  }
}
