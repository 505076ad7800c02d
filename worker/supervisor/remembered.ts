// What the volume of a job remembers of its records: the last checkpoint that was committed, the
// restarts until then, and the rounds that trained. It is asked before a world is agreed on,
// because a bus that lost its memory gets it back from the status of the job, which may be behind:
// nobody told it what happened while the operator was away.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonLimits, RefusedBytes } from '../../crds/text/json.ts';
import {
  type CheckpointHead,
  checkpointHead,
  restartsRecord,
  type StateRecord,
} from '../../crds/wire/state.ts';
import { AtomicFile } from '../files/atomic-file.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { isErrno } from '../files/errno.ts';
import { type RunFolders, roundIn } from './round-folder.ts';

const markName = 'committed.json';

/** What is written when a checkpoint counts. */
export interface Mark {
  readonly head: CheckpointHead;
  readonly restarts: StateRecord['restarts'];
}

export interface Remembered {
  readonly mark: Mark | undefined;
  /** Newest that trained; 0 before the first. */
  readonly round: number;
}

/** Remembers a checkpoint that counts by now. */
export async function remember({ folder }: RunFolders, { head, restarts }: Mark): Promise<void> {
  await using file = await AtomicFile.create(join(folder, markName));
  await file.write(new TextEncoder().encode(JSON.stringify({ ...head, restarts })));
  await file.commit();
}

export async function rememberedIn({ folder }: RunFolders): Promise<Remembered> {
  const names = await readdir(folder).catch(missing(() => []));
  const round = Math.max(0, ...names.flatMap((name) => roundIn(name) ?? []));
  return { mark: await markIn(join(folder, markName)), round };
}

/**
 * The record as it has to be where it is behind what is remembered: a round that trained before has
 * the same number, or a later checkpoint was committed. Undefined where it is not. Pure.
 */
export function caughtUp(
  { world: _, ...state }: StateRecord,
  { mark, round }: Remembered,
  opened: Pick<StateRecord['opened'], 'by' | 'at'>,
): StateRecord | undefined {
  const later = mark !== undefined && isBehind(state.checkpoint, mark.head) ? mark : undefined;
  if (later === undefined && round < state.round) return undefined;
  return {
    ...state,
    ...(later && { checkpoint: later.head, restarts: laterOf(state.restarts, later.restarts) }),
    round: Math.max(state.round, round) + 1,
    opened: { ...opened, cause: 'Start' },
  };
}

function isBehind(known: StateRecord['checkpoint'], head: CheckpointHead): boolean {
  if (known === undefined || known.round < head.round) return true;
  return known.round === head.round && known.step < head.step;
}

/** Accounts only grow: the one with more in it is the later one. */
function laterOf(one: Mark['restarts'], other: Mark['restarts']): Mark['restarts'] {
  const sum = ({ counted, disruptions, resizes }: Mark['restarts']) =>
    counted + disruptions + resizes;
  return sum(one) > sum(other) ? one : other;
}

const markFile = checkpointHead.extend({ restarts: restartsRecord.prefault({}) });

/** Whatever is no mark of ours says nothing. */
async function markIn(path: string): Promise<Mark | undefined> {
  const record = await readJsonFile(path, jsonLimits.runRecord).catch((error: unknown) => {
    if (!(error instanceof RefusedBytes)) throw error;
  });
  const parsed = markFile.safeParse(record);
  if (!parsed.success) return undefined;
  const { restarts, ...head } = parsed.data;
  return { head, restarts };
}

function missing<T>(instead: () => T): (error: unknown) => T {
  return (error) => {
    if (!isErrno(error, 'ENOENT')) throw error;
    return instead();
  };
}
