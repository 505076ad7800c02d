// Which copy in memory a world goes on from: the newest moment of which the part of every rank, of
// a world of whatever size, is with one of its members. Pure.
import { type CopyName, newestFirst, parseCopyName } from '../../../crds/wire/copies.ts';
import type { CheckpointHead, WorldRecord } from '../../../crds/wire/state.ts';

interface Holder {
  /** Of the pod. */
  readonly index: number;
  /** Ranks of the pod, which follow each other. */
  readonly trainers: number;
  /** Names of the copies that it keeps. */
  readonly copies: readonly string[];
}

/**
 * Undefined where the committed checkpoint is as new, or nothing whole is there. `holders` are in
 * the order of their ranks. A moment of a round before that of the checkpoint is left alone:
 * training went another way since.
 */
export function chooseCopy(
  holders: readonly Holder[],
  head: Pick<CheckpointHead, 'step' | 'round'> | undefined,
): WorldRecord['restore'] {
  const found = holders.flatMap(({ index, copies }) =>
    copies.flatMap((text) => {
      const name = parseCopyName(text);
      return name === undefined ? [] : [{ name, index }];
    }),
  );
  const podOfRank = holders.flatMap(({ index, trainers }) =>
    new Array<number>(trainers).fill(index),
  );
  const isOfUse = ({ step, round }: CopyName) =>
    step > (head?.step ?? 0) && round >= (head?.round ?? 0);
  const moments = Map.groupBy(
    found.filter(({ name }) => isOfUse(name)),
    ({ name: { round, position, step, size } }) => `${round}-${position}-${step}-${size}`,
  );
  for (const parts of [...moments.values()].sort((a, b) => newestOf(a, b))) {
    const [first] = parts;
    if (first === undefined) continue;
    const { rank: _, ...moment } = first.name;
    const from = Array.from({ length: moment.size }, (_, rank) => {
      const with_ = parts.filter(({ name }) => name.rank === rank).map((part) => part.index);
      // The part of a rank that is there again is with it already.
      const own = podOfRank[rank];
      return own !== undefined && with_.includes(own) ? own : with_[0];
    });
    if (from.includes(undefined)) continue;
    return { ...moment, holders: from.filter((index) => index !== undefined) };
  }
  return undefined;
}

type Parts = readonly { readonly name: CopyName }[];

function newestOf([a]: Parts, [b]: Parts): number {
  return a === undefined || b === undefined ? 0 : newestFirst(a.name, b.name);
}
