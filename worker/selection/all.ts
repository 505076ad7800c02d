import type { Parameter, Parameters } from '../engine/parameters.ts';
import type { Selection } from './selection.ts';

/** Every trained parameter moves in every step. */
export function all(parameters: Parameters): Selection {
  const byPlace = Map.groupBy(parameters.trained(), ({ place }) => place);
  const moving = (place: Parameter['place']): readonly Parameter[] => byPlace.get(place) ?? [];
  return { name: 'All', at: () => moving };
}
