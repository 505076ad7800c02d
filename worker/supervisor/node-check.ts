// Before a pod joins a world: can it write where results and checkpoints go, is there room, and
// what memory may it use? A node that cannot is better found now than at the first save. A training
// that has begun goes on without room for checkpoints, as it would have without another rendezvous.
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesInWords } from '../../crds/schema/quantity.ts';
import { isErrno } from '../files/errno.ts';
import type { ControlGroup } from './control-group.ts';
import { type Failure, failureWith } from './end-of-child.ts';

interface NodeFacts {
  /** Folders that must be writable. */
  readonly folders: readonly string[];
  /** Name for the file that is written there: no other pod's. */
  readonly podUid: string;
  readonly group: ControlGroup;
  /** There is something to go on from. */
  readonly hasBegun: boolean;
}

export type NodeCheck =
  | { readonly type: 'Fit'; readonly message: string }
  | { readonly type: 'Unfit'; readonly failure: Failure };

/** Less would not hold the records of a run, let alone a checkpoint. */
const leastFreeBytes = 64 * 2 ** 20;
const leastMemoryBytes = 256 * 2 ** 20;

export async function checkNode(facts: NodeFacts): Promise<NodeCheck> {
  const limit = facts.group.memoryLimit();
  if (limit !== undefined && limit < leastMemoryBytes) {
    const message = `the memory limit is ${bytesInWords(limit)}; a worker needs ${bytesInWords(leastMemoryBytes)} and more`;
    return unfit(failureWith('E_HOST_OUT_OF_MEMORY', message));
  }
  const rooms: string[] = [];
  for (const folder of facts.folders) {
    const failure = await tryWrite(folder, facts.podUid);
    const isFull = failure?.code === 'E_STORAGE_FULL';
    if (failure !== undefined && !(isFull && facts.hasBegun)) return unfit(failure);
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    if (free < leastFreeBytes && !facts.hasBegun) {
      const message = `${folder} has ${bytesInWords(free)} free; ${bytesInWords(leastFreeBytes)} is the least to begin with`;
      return unfit(failureWith('E_STORAGE_FULL', message));
    }
    rooms.push(`${bytesInWords(free)} free in ${folder}`);
  }
  const memory = limit === undefined ? 'no memory limit' : `memory limit ${bytesInWords(limit)}`;
  return { type: 'Fit', message: [memory, ...rooms].join(', ') };
}

async function tryWrite(folder: string, podUid: string): Promise<Failure | undefined> {
  const path = join(folder, `.check-${podUid}`);
  try {
    await mkdir(folder, { recursive: true });
    await using file = await open(path, 'w');
    await file.writeFile('a worker of Anneal checks whether it may write here\n');
    await file.sync();
    return undefined;
  } catch (error) {
    if (isErrno(error, 'ENOSPC', 'EDQUOT')) {
      return failureWith('E_STORAGE_FULL', `${folder} is full`);
    }
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const message = `${folder} cannot be written by this pod (${why})`;
    return failureWith('E_DEVICE_FAULT', message);
  } finally {
    await rm(path, { force: true }).catch(() => {
      // Not there, or as unwritable as before: said above.
    });
  }
}

function unfit(failure: Failure): NodeCheck {
  return { type: 'Unfit', failure };
}
