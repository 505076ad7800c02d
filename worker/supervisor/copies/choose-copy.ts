// Which copy in memory a world goes on from: the newest moment of which every rank's part is with one of its members. Pure.
import { type CopyName, newestFirst, parseCopyName } from '../../../crds/wire/copies.ts';
import type { CheckpointHead, WorldRecord } from '../../../crds/wire/state.ts';

interface Holder {
  /** Of the pod. */
  readonly index: number;
  /** Names of the copies that it keeps. */
  readonly copies: readonly string[];
}

/**
 * Undefined where the committed checkpoint is as new, or nothing whole is there. `holders` are in the order of their ranks. A moment of a world
 * that was smaller or larger is left alone: its parts are cut otherwise. So is one of a generation before that of the checkpoint: training
 * went another way since.
 */
export function chooseCopy(
  holders: readonly Holder[],
  head: Pick<CheckpointHead, 'step' | 'generation'> | undefined,
): WorldRecord['restore'] {
  const found = holders.flatMap(({ index, copies }) =>
    copies.flatMap((text) => {
      const name = parseCopyName(text);
      return name === undefined ? [] : [{ name, index }];
    }),
  );
  const isOfUse = ({ size, step, generation }: CopyName) =>
    size === holders.length && step > (head?.step ?? 0) && generation >= (head?.generation ?? 0);
  const moments = Map.groupBy(
    found.filter(({ name }) => isOfUse(name)),
    ({ name: { generation, position, step } }) => `${generation}-${position}-${step}`,
  );
  for (const parts of [...moments.values()].sort((a, b) => newestOf(a, b))) {
    const from = holders.map(({ index }, rank) => {
      const with_ = parts.filter(({ name }) => name.rank === rank).map((part) => part.index);
      // Its own part is there already.
      return with_.includes(index) ? index : with_[0];
    });
    const [first] = parts;
    if (first === undefined || from.includes(undefined)) continue;
    const { rank: _, ...moment } = first.name;
    return { ...moment, holders: from.filter((index) => index !== undefined) };
  }
  return undefined;
}

type Parts = readonly { readonly name: CopyName }[];

function newestOf([a]: Parts, [b]: Parts): number {
  return a === undefined || b === undefined ? 0 : newestFirst(a.name, b.name);
}
