// What all optimizers that project gradients have in common.
import type { ResolvedMethod } from './resolve.ts';

type Optimizer = ResolvedMethod['optimizer'];
type Projection = Pick<
  Extract<Optimizer, { type: 'GaLore' }>['galore'],
  'rank' | 'scale' | 'refreshSteps' | 'directions'
>;

/** How gradients are projected; null if the optimizer sees them unprojected. */
export function projectionOf(optimizer: Optimizer): Projection | null {
  switch (optimizer.type) {
    case 'AdamW':
    case 'AdamW8bit':
    case 'SGD':
    case 'SM3':
    case 'PVTuning':
      return null;
    case 'GaLore':
      return optimizer.galore;
    case 'QGaLore':
      return optimizer.qGalore;
    case 'NaturalGaLore':
      return optimizer.naturalGalore;
    default:
      return optimizer satisfies never;
  }
}
