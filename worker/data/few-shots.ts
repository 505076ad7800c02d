// Few-shot learning: of each class, a few documents are trained on and the others are not.
import { choose, streamOf } from '../tensor/streams.ts';
import type { Documents } from './documents.ts';

interface Shots {
  /** Of each class; undefined: all. */
  readonly shots: number | undefined;
  readonly seed: number;
}

/**
 * Those of `members` that are trained on, ascending. Of one seed, the documents of fewer shots are
 * among those of more. A class with fewer documents has all of them.
 */
export function chooseShots(
  { classOf }: Pick<Documents, 'classOf'>,
  members: readonly number[],
  { shots, seed }: Shots,
): readonly number[] {
  if (shots === undefined || classOf === undefined) return members;
  const classes = Map.groupBy(members, classOf);
  const chosen = [...classes].flatMap(([number, own]) => {
    const stream = streamOf(seed, 'shots', number);
    const places = choose(Math.min(shots, own.length), own.length, stream);
    return places.flatMap((place) => own[place] ?? []);
  });
  return chosen.sort((a, b) => a - b);
}

/** Classes, by number, with fewer documents than shots, and how many these have. */
export function classesWithFewer(
  { classOf }: Pick<Documents, 'classOf'>,
  members: readonly number[],
  { shots, classes }: { readonly shots: number; readonly classes: number },
): ReadonlyMap<number, number> {
  const counts = new Map(Array.from({ length: classes }, (_, number) => [number, 0]));
  for (const document of members) {
    const number = classOf?.(document) ?? 0;
    counts.set(number, (counts.get(number) ?? 0) + 1);
  }
  return new Map([...counts].filter(([, count]) => count < shots));
}
