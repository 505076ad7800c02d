// Networks that are searched: weights train alone until the warm-up is over, then weights and
// choices take turns, so that each sees other pictures than the other did (DARTS, Liu et al. 2019;
// QuantNAS). Both keep the state of their optimizer meanwhile.
import { countedAs, isChoice, type Parameters } from '../../engine/parameters.ts';
import { layersOf, type Selection } from './selection.ts';

/** Whether the choices move in this step, from 0. */
function areChoicesMoving(step: number, warmupSteps: number): boolean {
  return step >= warmupSteps && (step - warmupSteps) % 2 === 0;
}

export function alternating(warmupSteps: number, parameters: Parameters): Selection {
  const byLayer = layersOf(parameters.trained());
  const all = [...byLayer.values()].flat();
  return {
    name: 'Alternating',
    at(step) {
      const moves = areChoicesMoving(step, warmupSteps);
      return (layer) => (byLayer.get(layer) ?? []).filter((one) => isChoice(one) === moves);
    },
    stepCounts: (_, before) =>
      Object.fromEntries(all.map((one) => [countedAs(one), before[countedAs(one)] ?? 0])),
    describe: (step) =>
      step < warmupSteps
        ? `weights alone, until step ${warmupSteps}`
        : 'weights and choices in turn',
  };
}
