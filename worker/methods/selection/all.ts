import { countedAs, type Parameter, type Parameters } from '../../engine/parameters.ts';
import { layersOf, type Selection } from './selection.ts';

/** Every trained parameter is active in every step. */
export function all(parameters: Parameters): Selection {
  const byLayer = layersOf(parameters.trained());
  const active = (layer: Parameter['layer']): readonly Parameter[] => byLayer.get(layer) ?? [];
  return {
    name: 'All',
    at: () => active,
    stepCounts: (_, before) =>
      Object.fromEntries(
        [...byLayer.values()].flat().map((one) => [countedAs(one), before[countedAs(one)] ?? 0]),
      ),
    describe: () => null,
  };
}
