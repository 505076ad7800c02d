// Copies of the training state in the memory of its pods: each trainer writes its own part every
// few steps, the supervisor of the next pod keeps another one, and the next world resumes from the
// newest that its members still have. A copy is a folder like that of a checkpoint, with the part
// of one rank in it; its name says what it is of, so that a list of names is all that pods have to
// tell each other.
import * as z from 'zod';

const count = z.int().min(0);

/** The state of all ranks at one moment: parts of one moment make a whole. */
export const copyMoment = z.object({
  round: count,
  /** Global batches drawn: unlike the step it never goes back. */
  position: count,
  step: count,
  /** Ranks of the world that made it. */
  size: z.int().min(1),
});

type CopyMoment = z.output<typeof copyMoment>;

/** The part of one rank. */
export interface CopyName extends CopyMoment {
  readonly rank: number;
}

export function copyNameText({ round, position, step, rank, size }: CopyName): string {
  return `${round}-${position}-${step}-${rank}-of-${size}`;
}

/** Undefined for any other name: of a copy that is still written, of a file of ours. */
export function parseCopyName(text: string): CopyName | undefined {
  const parts = /^(\d{1,15})-(\d{1,15})-(\d{1,15})-(\d{1,6})-of-(\d{1,6})$/.exec(text)?.slice(1);
  const [round = 0, position = 0, step = 0, rank = 0, size = 0] = (parts ?? []).map(Number);
  if (parts === undefined || rank >= size) return undefined;
  return { round, position, step, rank, size };
}

/**
 * Later rounds first, and of one the later moment: what a world left behind is of no use to the one
 * after the next.
 */
export function newestFirst(a: CopyMoment, b: CopyMoment): number {
  return b.round - a.round || b.position - a.position;
}

/** Below the folder for copies. */
export const copyFiles = {
  /** Of this pod's trainer. */
  own: 'own',
  /** Of the pod before this one. */
  kept: 'kept',
  /** Of all ranks, where the world was of another size; until it is read. */
  joined: 'joined',
  /** Name of the newest of its own that the next pod keeps too. */
  delivered: 'delivered',
} as const;

export const copiesVariable = 'ANNEAL_COPIES';

/** What a trainer is told of copies; one that is told nothing makes none. */
export const copiesPlan = z.object({
  folder: z.string().min(1),
  round: count,
  /** Steps between copies; null: from what they cost. */
  intervalSteps: z.int().min(1).nullable(),
  /** Somebody else keeps each, and none is made before the one before is there. */
  hasPeer: z.boolean(),
  /** Folder of the copy to go on from: all ranks are told one of the same moment, or none. */
  from: z.string().optional(),
});

export type CopiesPlan = z.output<typeof copiesPlan>;
