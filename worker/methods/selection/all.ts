import type { Parameter, Parameters } from '../../engine/parameters.ts';
import { placesOf, type Selection } from './selection.ts';

/** Every trained parameter moves in every step. */
export function all(parameters: Parameters): Selection {
  const byPlace = placesOf(parameters.trained());
  const moving = (place: Parameter['place']): readonly Parameter[] => byPlace.get(place) ?? [];
  return {
    name: 'All',
    at: () => moving,
    ages: (_, before) =>
      Object.fromEntries([...byPlace.keys()].map((place) => [place, before[place] ?? 0])),
    describe: () => null,
  };
}
