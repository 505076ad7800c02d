// What the volume of a job remembers of its records: the last checkpoint that was committed, and the generations that trained. It is asked before a
// world is agreed on, because a bus that lost its memory gets it back from the status of the job, which may be behind: nobody told it what happened
// while the operator was away.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CheckpointHead, checkpointHead, type StateRecord } from '../../crds/wire/state.ts';
import { AtomicFile } from '../checkpoint/atomic-file.ts';
import { isErrno } from '../prepare/errno.ts';
import { generationIn, type RunPlace } from './generation-folder.ts';

const markName = 'committed.json';

export interface Remembered {
  readonly head: CheckpointHead | undefined;
  /** Newest that trained; 0 before the first. */
  readonly generation: number;
}

/** Remembers a checkpoint that counts by now. */
export async function remember({ folder }: RunPlace, head: CheckpointHead): Promise<void> {
  await using file = await AtomicFile.create(join(folder, markName));
  await file.write(new TextEncoder().encode(JSON.stringify(head)));
  await file.commit();
}

export async function rememberedIn({ folder }: RunPlace): Promise<Remembered> {
  const names = await readdir(folder).catch(missing(() => []));
  const generation = Math.max(0, ...names.flatMap((name) => generationIn(name) ?? []));
  const text = await readFile(join(folder, markName), 'utf8').catch(missing(() => ''));
  return { head: headIn(text), generation };
}

/**
 * The record as it has to be where it is behind what is remembered: a generation that trained before has the same number, or a later checkpoint was
 * committed. Undefined where it is not. Pure.
 */
export function caughtUp(
  { world: _, ...state }: StateRecord,
  { head, generation }: Remembered,
  opened: Pick<StateRecord['opened'], 'by' | 'at'>,
): StateRecord | undefined {
  const isLater = head !== undefined && isBehind(state.checkpoint, head);
  if (!isLater && generation < state.generation) return undefined;
  return {
    ...state,
    ...(isLater ? { checkpoint: head } : {}),
    generation: Math.max(state.generation, generation) + 1,
    opened: { ...opened, cause: 'Start' },
  };
}

function isBehind(known: StateRecord['checkpoint'], head: CheckpointHead): boolean {
  if (known === undefined || known.generation < head.generation) return true;
  return known.generation === head.generation && known.step < head.step;
}

/** Whatever is no mark of ours says nothing. */
function headIn(text: string): CheckpointHead | undefined {
  try {
    return checkpointHead.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function missing<T>(instead: () => T): (error: unknown) => T {
  return (error) => {
    if (!isErrno(error, 'ENOENT')) throw error;
    return instead();
  };
}
